import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import type { LogBounds, PolicyStore } from '../../server/src/store/store.js';
import { createManualClock, type ManualClock } from './clock.js';
import { type EngineSetup, ROOMY, type TestEngine, useEngines } from './engine.js';
import { createFaultyStore, type FaultyStore } from './faulty-store.js';

/** As long as a write waits at most for a store that is away, behind a pause and a try of the ones before. */
export const PATIENCE_MS = 4000;

/** Replicas on one store, each over a connection that can fail, on a clock that only the test moves. */
export interface Linked {
  readonly clock: ManualClock;
  readonly store: PolicyStore;
  readonly replicas: readonly Replica[];
}

export interface Replica {
  readonly engine: TestEngine;
  readonly link: FaultyStore;
}

/** Starts replicas, called `a`, `b` and so on, and closes them after each test of the current suite, their stores reached again. */
export function useLinked(): (
  count?: number,
  bounds?: LogBounds,
  setup?: Pick<EngineSetup, 'expected' | 'access'>,
) => Promise<Linked> {
  const started: Linked[] = [];
  afterEach(async () => {
    for (const { clock, replicas } of started.splice(0)) {
      for (const { link } of replicas) {
        link.mend();
        link.always(undefined);
      }
      await clock.advance(PATIENCE_MS);
    }
  });
  const start = useEngines();
  return async (count = 1, bounds = ROOMY, setup = {}) => {
    const clock = createManualClock();
    const store = createMemoryStore(bounds, clock);
    const replicas: Replica[] = [];
    for (let i = 0; i < count; i += 1) {
      const link = createFaultyStore(store);
      const replica = String.fromCharCode('a'.charCodeAt(0) + i);
      replicas.push({ link, engine: await start({ store: link, clock, replica, ...setup }) });
    }
    const linked = { clock, store, replicas };
    started.push(linked);
    return linked;
  };
}

import { Delivery, View } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { equalPolicies } from '../../server/src/domain/patch/patch.js';
import type { FieldName } from '../../server/src/domain/policy.js';
import { decodeEntry } from '../../server/src/engine/change.js';
import type { WriteAction } from '../../server/src/engine/types.js';
import type { PolicyStore } from '../../server/src/store/store.js';
import { arbAction } from '../support/actions.js';
import { startEngine, type TestEngine, wholeLog } from '../support/engine.js';
import { expectState, FoldedLog } from '../support/folded-log.js';
import { until } from '../support/process.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { type Asked, expectHistory, type Heard, Host, trimmed } from '../support/watch-history.js';
import type { Backend } from './harness.js';

const RUNS = { numRuns: 60 };
/** What ends within a run, or soon after it. */
const TTLS_MS = [1, 20];

interface Step {
  /** What each of two replicas is asked at the same time. */
  readonly actions: readonly [readonly WriteAction[], readonly WriteAction[]];
  /** Who begins to watch one of them. */
  readonly watch: (Pick<Asked, 'fields' | 'delivery'> & { readonly by: number }) | undefined;
}

const arbActions = fc.array(arbAction(TTLS_MS), { maxLength: 3 });
const arbStep: fc.Arbitrary<Step> = fc.record({
  actions: fc.tuple(arbActions, arbActions),
  watch: fc.option(
    fc.record({
      by: fc.nat(1),
      fields: fc.constantFrom<FieldName[]>([], ['max_positions'], ['opp_rankings', 'allowed_symbols']),
      delivery: fc.constantFrom(Delivery.PATCHES, Delivery.SNAPSHOTS),
    }),
    { nil: undefined },
  ),
});

interface Seat extends Asked {
  readonly host: Host;
  readonly heard: readonly Heard[];
}

export function logCases(backend: Backend): void {
  describe('under two replicas, whatever they write, override, restore, roll back and let expire', () => {
    it('the log folds to what they answer and their readers hold, and is undone to all that was', async () => {
      const property = fc.asyncProperty(fc.array(arbStep, { minLength: 1, maxLength: 8 }), async (steps) => {
        const namespace = uniqueNamespace();
        const stores = [backend.shared.store, backend.shared.second] as const;
        const engines = [
          await startEngine({ store: under(namespace, stores[0]) }),
          await startEngine({ store: under(namespace, stores[1]) }),
        ] as const;
        const hosts = engines.map((engine) => new Host(engine));
        const seats: Seat[] = [];
        for (const { actions, watch } of steps) {
          if (watch !== undefined) seats.push(sit(hosts[watch.by]!, watch));
          await Promise.all(
            engines.map((engine, i) =>
              Promise.allSettled(actions[i]!.map((action) => write(engine, action))),
            ),
          );
        }
        await until(() => isSettled(engines));

        const log = new FoldedLog();
        for (const entry of await wholeLog(under(namespace, stores[1]))) {
          log.fold(decodeEntry(entry).change, entry.commitTime);
        }
        log.expectUndone();
        for (const engine of engines) {
          expect(engine.version().revision).to.equal(log.states.length - 1);
          for (const view of [View.EFFECTIVE, View.BASE]) expectState(engine.get(view), view, log);
          expect(engine.log.filter(({ event }) => event === 'failed')).to.deep.equal([]);
        }
        for (const seat of seats) {
          const { held } = expectHistory(seat.heard, log.states, seat);
          const expected = trimmed(seat.host.engine.policy(), seat.fields);
          if (!equalPolicies(held!, expected)) expect(held).to.deep.equal(expected);
        }
        for (const engine of engines) await engine.close();
      });
      await fc.assert(property, RUNS);
    });
  });
}

function sit(host: Host, { fields, delivery }: Pick<Asked, 'fields' | 'delivery'>): Seat {
  const heard: Heard[] = [];
  host.engine.watch({ fields, delivery }, (message) => {
    heard.push({ message, host: host.state });
    return true;
  });
  return { host, heard, fields, delivery, after: undefined };
}

function write(engine: TestEngine, action: WriteAction): Promise<unknown> {
  return engine.write(action, { reason: 'a reason' });
}

/** Whether all hold everything that was committed, and nothing is left that ends by itself. */
async function isSettled(engines: readonly TestEngine[]): Promise<boolean> {
  const answers = await Promise.all(engines.map((engine) => engine.query({ fresh: true })));
  const overrides = answers.flatMap(({ policy }) => policy!.overrides);
  const revisions = new Set(engines.map((engine) => engine.version().revision));
  return revisions.size === 1 && overrides.every(({ until: end, pending }) => !pending && end === undefined);
}

/** The store for engines that know one namespace only: theirs is another in each run. */
function under(namespace: string, store: PolicyStore): PolicyStore {
  return {
    connect: () => store.connect(),
    load: (_, recent) => store.load(namespace, recent),
    commit: (_, expected, entries) => store.commit(namespace, expected, entries),
    changes: (_, range) => store.changes(namespace, range),
    follow: (_, after, signal) => store.follow(namespace, after, signal),
    announce: (_, summary, ttlMs) => store.announce(namespace, summary, ttlMs),
    announced: () => store.announced(namespace),
    close: () => store.close(),
  };
}

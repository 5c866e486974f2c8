import type { LogBounds, PolicyStore } from '../../server/src/store/store.js';
import { until } from '../support/process.js';
import { ageCases } from './age-cases.js';
import { clockCases } from './clock-cases.js';
import { commitCases } from './commit-cases.js';
import { conflictCases } from './conflict-cases.js';
import { epochCases } from './epoch-cases.js';
import { followCases } from './follow-cases.js';
import { ROOMY, type Backend, type StoreHarness, type StorePair } from './harness.js';
import { interruptedCases } from './interrupted-cases.js';
import { lifecycleCases } from './lifecycle-cases.js';
import { loadCases } from './load-cases.js';
import { logCases } from './log-cases.js';
import { newestFirstCases } from './newest-first-cases.js';
import { presenceCases } from './presence-cases.js';
import { propertyCases } from './property-cases.js';
import { trimCases } from './trim-cases.js';
import { valueCases } from './value-cases.js';

export type { StoreHarness } from './harness.js';

/** The promises of the store port, as tests that every backend runs. */
export function describeStore(name: string, harness: StoreHarness): void {
  describe(`store ${name}`, function () {
    this.timeout(60_000);

    let shared: StorePair | undefined;
    let openedLast: StorePair | undefined;
    const ofThisTest: PolicyStore[] = [];

    async function openPair(bounds: LogBounds): Promise<StorePair> {
      const store = await harness.open(bounds);
      const second = harness.openSecond ? await harness.openSecond(bounds) : store;
      return { store, second };
    }

    async function interrupt(): Promise<void> {
      await harness.interrupt?.();
      for (const store of new Set(openedLast && [openedLast.store, openedLast.second])) {
        await until(() => store.load('any', { maxEntries: 0, maxBytes: 0 }));
      }
    }

    before(async () => {
      shared = await openPair(ROOMY);
    });
    afterEach(async () => {
      for (const store of ofThisTest.splice(0)) await store.close();
    });
    after(async () => {
      if (shared) await closePair(shared);
      await harness.close?.();
    });

    const backend: Backend = {
      hasSecond: harness.openSecond !== undefined,
      get shared() {
        if (!shared) throw new Error('The store is opened before the first test');
        return shared;
      },
      async open(bounds) {
        const pair = await openPair(bounds);
        ofThisTest.push(...new Set([pair.second, pair.store]));
        openedLast = pair;
        return pair;
      },
      interrupt: harness.interrupt && (() => interrupt()),
    };

    loadCases(backend);
    commitCases(backend);
    conflictCases(backend);
    followCases(backend);
    newestFirstCases(backend);
    trimCases(backend);
    ageCases(backend);
    clockCases(backend);
    valueCases(backend);
    epochCases(backend);
    presenceCases(backend);
    lifecycleCases(backend);
    propertyCases(backend);
    logCases(backend);
    // Last, since it may make every store of the backend find its data again.
    interruptedCases(backend);
  });
}

async function closePair({ store, second }: StorePair): Promise<void> {
  await second.close();
  await store.close();
}

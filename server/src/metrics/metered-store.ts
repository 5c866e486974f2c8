import { Counter, type Registry } from 'prom-client';

import {
  type Followed,
  type Head,
  type PolicyStore,
  StoreUnavailable,
  StoreUnusable,
} from '../store/store.js';
import { SECONDS } from './buckets.js';
import { TallyHistogram } from './tally-histogram.js';

/** What is asked of a store. `follow` waits for news, so that it has no duration. */
const OPERATIONS = ['connect', 'load', 'commit', 'changes', 'announce', 'announced'] as const;
type Operation = (typeof OPERATIONS)[number];

/** The same store, with how long it takes and how often it fails as metrics. */
export function meteredStore(store: PolicyStore, registry: Registry): PolicyStore {
  const registers = [registry];
  const seconds = new TallyHistogram({
    name: 'policy_store_duration_seconds',
    help: 'Time that the store took to answer, by what it was asked, failures included.',
    labelNames: ['operation'],
    buckets: SECONDS,
    registers,
  });
  const errors = new Counter({
    name: 'policy_store_errors_total',
    help: 'Questions that the store did not answer, by what it was asked: it could not be reached, or not be used.',
    labelNames: ['operation', 'reason'],
    registers,
  });
  for (const operation of [...OPERATIONS, 'follow']) errors.inc({ operation, reason: 'unavailable' }, 0);

  function failed(operation: Operation | 'follow', error: unknown): void {
    errors.inc({ operation, reason: reasonOf(error) });
  }

  function metered<Arguments extends unknown[], Answer>(
    operation: Operation,
    ask: (...given: Arguments) => Promise<Answer>,
  ): (...given: Arguments) => Promise<Answer> {
    const tally = seconds.tally({ operation });
    return async (...given) => {
      const started = performance.now();
      try {
        return await ask(...given);
      } catch (error) {
        failed(operation, error);
        throw error;
      } finally {
        tally.observe((performance.now() - started) / 1000);
      }
    };
  }

  async function* follow(
    namespace: string,
    after: Head,
    signal: AbortSignal,
  ): AsyncIterable<Followed | 'gap'> {
    try {
      yield* store.follow(namespace, after, signal);
    } catch (error) {
      failed('follow', error);
      throw error;
    }
  }

  return {
    connect: metered('connect', () => store.connect()),
    load: metered('load', (...given) => store.load(...given)),
    commit: metered('commit', (...given) => store.commit(...given)),
    changes: metered('changes', (...given) => store.changes(...given)),
    announce: metered('announce', (...given) => store.announce(...given)),
    announced: metered('announced', (...given) => store.announced(...given)),
    follow,
    close: () => store.close(),
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof StoreUnavailable) return error.sent ? 'unanswered' : 'unavailable';
  return error instanceof StoreUnusable ? 'unusable' : 'internal';
}

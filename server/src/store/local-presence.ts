import type { Clock } from '../clock.js';
import type { PolicyStore, ReplicaSummary } from './store.js';

interface Announcement {
  readonly summary: ReplicaSummary;
  /** By the monotonic clock: setting the wall clock makes nobody vanish or stay. */
  readonly expires: number;
}

/**
 * What replicas say of themselves in a store that only this process uses: nobody else asks, so it stays in memory.
 * `checkOpen` throws while the store cannot be used.
 */
export function createLocalPresence(
  clock: Clock,
  checkOpen: () => void,
): Pick<PolicyStore, 'announce' | 'announced'> {
  const namespaces = new Map<string, Map<string, Announcement>>();

  /** Those of a namespace that are not over; the others are dropped. */
  function current(namespace: string): Map<string, Announcement> {
    const known = namespaces.get(namespace) ?? new Map<string, Announcement>();
    const now = clock.now();
    for (const [replica, { expires }] of known) if (expires <= now) known.delete(replica);
    if (known.size === 0) namespaces.delete(namespace);
    return known;
  }

  function announce(namespace: string, summary: ReplicaSummary, ttlMs: number): void {
    const known = current(namespace);
    known.set(summary.replica, { summary, expires: clock.now() + ttlMs });
    namespaces.set(namespace, known);
  }

  function announced(namespace: string): ReplicaSummary[] {
    const summaries = [...current(namespace).values()].map(({ summary }) => summary);
    return summaries.sort((a, b) => (a.replica < b.replica ? -1 : 1));
  }

  function answer<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      checkOpen();
      resolve(work());
    });
  }

  return {
    announce: (namespace, summary, ttlMs) =>
      answer(() => {
        announce(namespace, summary, ttlMs);
      }),
    announced: (namespace) => answer(() => announced(namespace)),
  };
}

import { randomUUID } from 'node:crypto';

import { expect } from 'chai';

import { COMMIT } from '../../server/src/store/redis/scripts.js';
import { GENESIS, type Head, type NewEntry, type PolicyStore } from '../../server/src/store/store.js';
import { until } from './process.js';
import { headOf } from './store-builders.js';

/** Whether what a server sends to Redis is a commit. The first one that a Redis gets does not show it. */
export function isCommit(request: Buffer): boolean {
  return request.includes(COMMIT.sha);
}

/**
 * Commits like the server's writer: again with the same expected head until the outcome is known, and in a new epoch
 * where the store was interrupted. Gives the entry as it landed.
 */
export async function commitSurely(
  store: PolicyStore,
  namespace: string,
  head: Head,
  next: NewEntry,
): Promise<NewEntry> {
  let landing = next;
  await until(async () => {
    const outcome = await store.commit(namespace, head, [landing]);
    if (outcome.kind === 'committed') return;
    if (outcome.missed === 'reload') {
      const checkpoint = await store.load(namespace, { maxEntries: 1, maxBytes: Infinity });
      expect(checkpoint).to.deep.include({ head, interrupted: true });
      landing = { ...next, epoch: randomUUID() };
      return false;
    }
    expect(outcome.missed.map(({ id }) => id)).to.deep.equal([next.id]);
  });
  return landing;
}

/** Follows like the server's replica: again from the last entry seen, which an interrupted store answers with a gap. */
export async function followSurely(store: PolicyStore, namespace: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  let at: Head = GENESIS;
  await until(async () => {
    for await (const answer of store.follow(namespace, at, new AbortController().signal)) {
      if (answer === 'gap') return false;
      seen.push(...answer.entries.map(({ id }) => id));
      at = headOf(answer.entries.at(-1) ?? at);
      if (seen.length >= count) return;
    }
    return false;
  });
  return seen;
}

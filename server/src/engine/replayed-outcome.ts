import { PolicyError } from '../errors.js';
import type { PolicyStore } from '../store/store.js';
import { decodeEntry } from './change.js';
import type { Journal } from './journal.js';
import type { WriteOutcome } from './types.js';

/**
 * What a write was answered when it was committed as `revision`, as far as the log still tells.
 * @throws PolicyError STORE_UNAVAILABLE where the log cannot be read now.
 */
export async function replayedOutcome(
  revision: number,
  { namespace, store, journal }: { namespace: string; store: PolicyStore; journal: Journal },
): Promise<WriteOutcome> {
  const { epoch } = journal.replica.head;
  let patch = journal.replica.recent.at(revision)?.patch;
  if (patch === undefined) {
    const page = await store.changes(namespace, { from: revision, to: revision }).catch(unreadable);
    const entry = Array.isArray(page) ? page[0] : undefined;
    patch = entry && decodeEntry(entry).patch;
  }
  return { version: { epoch, revision }, patch, maskedFields: [], replayed: true, policy: undefined };
}

function unreadable(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new PolicyError(
    'STORE_UNAVAILABLE',
    `the write was committed before, and the log that tells its outcome cannot be read now (${message})`,
    { retryAfterMs: 1000, cause },
  );
}

import { ChangeKind, type Version } from '@policystore/client/proto';

import { findOverride } from '../domain/overrides.js';
import { PolicyError } from '../errors.js';
import type { PolicyStore } from '../store/store.js';
import { decodeEntry, type LoggedChange } from './change.js';
import type { Journal } from './journal.js';
import type { WriteOutcome } from './types.js';

interface Log {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
}

/**
 * What a write was answered when it was committed as `version`, as far as the log still tells.
 * @throws PolicyError STORE_UNAVAILABLE where the log cannot be read now.
 */
export async function replayedOutcome(version: Version, log: Log): Promise<WriteOutcome> {
  const logged = log.journal.replica.recent.at(version.revision) ?? (await readEntry(version.revision, log));
  const outcome = { version, maskedFields: [], replayed: true, policy: undefined };
  if (logged?.overrides === undefined) return { ...outcome, patch: logged?.base.patch };
  const [after] = logged.overrides.after;
  const isOverride = logged.change.kind === ChangeKind.OVERRIDE && after !== undefined;
  const override = isOverride ? findOverride(log.journal.replica.inForce, after.name) : undefined;
  return { ...outcome, patch: logged.effective.patch, override };
}

async function readEntry(revision: number, { namespace, store }: Log): Promise<LoggedChange | undefined> {
  const page = await store.changes(namespace, { from: revision, to: revision }).catch(unreadable);
  const entry = Array.isArray(page) ? page[0] : undefined;
  return entry && decodeEntry(entry);
}

function unreadable(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new PolicyError(
    'STORE_UNAVAILABLE',
    `the write was committed before, and the log that tells its outcome cannot be read now (${message})`,
    { retryAfterMs: 1000, cause },
  );
}

import { PolicyStoreError } from './errors.js';
import { type Json } from './json.js';
import { type Policy } from './policy.js';
import {
  type Change,
  type ChangeKind,
  type HistoryEntry as WireEntry,
  type ListChangesResponse,
  type Origin,
  type OverridesChange,
  PolicyPatch,
  type Recovery,
} from './proto.js';
import { readTime } from './time.js';
import { type Version } from './version.js';

/** One change: who made it, when and why, and what it did. */
export interface HistoryEntry {
  /** The state that the change made. */
  readonly version: Version;
  /** The call that made it. */
  readonly kind: ChangeKind;
  readonly actor: string;
  /** Whether the actor proved who it is. False: that is what it called itself. */
  readonly actorVerified: boolean;
  /** What the writer gave. May be empty. */
  readonly reason: string;
  /** By the store's clock, cut to the millisecond; `change.commitTime` has all of it. */
  readonly commitTime: Date;
  /** The fields of the base that changed. Empty where only overrides did. */
  readonly fields: readonly FieldChange[];
  /** The overrides that it touched, as they were and as they are. Unset: none. */
  readonly overrides: Readonly<OverridesChange> | undefined;
  /** What changed for executors. */
  readonly effectivePatch: PolicyPatch;
  /** Set where the kind is RECOVER: what the store came back with. */
  readonly recovery: Readonly<Recovery> | undefined;
  /** Where the change was committed first, before the store lost it and a recovery put it back. */
  readonly origin: Readonly<Origin> | undefined;
  /** Set where the kind is ROLLBACK: the version that it went back to. */
  readonly rollbackTo: Version | undefined;
  /** The entry of the log itself. */
  readonly change: Change;
}

/** One field of the base before and after a change. */
export interface FieldChange {
  /** The name in the contract, such as `max_positions`. */
  readonly field: string;
  /** Of a list, dictionary or struct only what was taken out or replaced. Unset: nothing was. */
  readonly before: Json | undefined;
  /** Of a list, dictionary or struct only what was put in or replaced. Unset: nothing was. */
  readonly after: Json | undefined;
}

/** What was in force at a moment. */
export interface PastPolicy {
  readonly version: Version;
  /** What writers had written. */
  readonly base: Policy;
  /** What executors obeyed: the base tightened by its overrides. */
  readonly effective: Policy;
  /** The change that made this version. */
  readonly entry: HistoryEntry;
}

/** All entries, page by page; a page is fetched when the one before is used up. */
export async function* readPages(
  fetchPage: (token: string) => Promise<ListChangesResponse>,
): AsyncGenerator<HistoryEntry, undefined, undefined> {
  let token = '';
  do {
    const { entries, nextPageToken } = await fetchPage(token);
    for (const entry of entries) yield readEntry(entry);
    token = nextPageToken;
  } while (token !== '');
  return undefined;
}

/** @throws PolicyStoreError `INTERNAL` where the server left out what every entry has. */
export function readEntry(wire: WireEntry | undefined): HistoryEntry {
  const { change, fields = [] } = wire ?? {};
  const commitTime = readTime(change?.commitTime);
  if (!change?.version || !commitTime) {
    throw new PolicyStoreError('INTERNAL', 'the server answered without a change');
  }
  const { version, kind, actor, actorVerified, reason, overrides, recovery, origin, rollbackTo } = change;
  return {
    version,
    kind,
    actor,
    actorVerified,
    reason,
    commitTime,
    fields,
    overrides,
    effectivePatch: change.effectivePatch ?? change.patch ?? PolicyPatch.fromPartial({}),
    recovery,
    origin,
    rollbackTo,
    change,
  };
}

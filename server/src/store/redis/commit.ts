import { addressText } from '../server-url.js';
import { continues, toLogEntry } from '../chain.js';
import { foldWrites } from '../fold-writes.js';
import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  StoreUnavailable,
  type Committed,
  type Conflict,
  type Head,
  type LogBounds,
  type NewEntry,
} from '../store.js';
import type { Argument, Connection, Reply } from './connection.js';
import { storedName } from './fields.js';
import { parseEntries, parseHead, parseList, parseText, toArgument } from './replies.js';
import type { ServerConnection } from './run-id.js';
import { COMMIT, runScript } from './scripts.js';

/** What a commit costs beyond its entries. */
export interface CommitOptions {
  readonly bounds: LogBounds;
  /** How many Redis replicas must confirm; 0: none. */
  readonly wait: number;
  readonly timeoutMs: number;
}

/** Runs one commit on a connection. With `wait`, every outcome is confirmed by that many Redis replicas. */
export async function commitOn(
  connection: ServerConnection,
  keys: readonly string[],
  expected: Head,
  entries: readonly NewEntry[],
  { bounds, wait, timeoutMs }: CommitOptions,
): Promise<Committed | Conflict> {
  const args = commitArguments(connection.runId, expected, entries, bounds, wait > 0);
  const reply = await runScript(connection, COMMIT, keys, args, timeoutMs);
  if (wait > 0) await confirm(connection, wait, timeoutMs);
  return parseOutcome(reply, expected);
}

async function confirm(connection: Connection, wait: number, timeoutMs: number): Promise<void> {
  const confirmed = Number(await connection.send(['WAIT', wait, timeoutMs], 2 * timeoutMs).catch(lost));
  if (confirmed >= wait) return;
  throw new StoreUnavailable(
    `Only ${confirmed} of ${wait} replicas of Redis at ${addressText(connection.address)} confirmed ` +
      `within ${timeoutMs} ms: the outcome is unknown. Bring them back, or lower wait in POLICY_STORE`,
    { sent: true },
  );
}

/** The commit itself was done before the WAIT failed, so it was sent in any case. */
function lost(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new StoreUnavailable(`The outcome is unknown, for the replicas did not confirm it: ${message}`, {
    sent: true,
  });
}

function commitArguments(
  runId: string,
  expected: Head,
  entries: readonly NewEntry[],
  bounds: LogBounds,
  writeAlways: boolean,
): Argument[] {
  const { maxEntries, maxBytes, maxAgeMs } = bounds;
  const args: Argument[] = [expected.id, expected.revision, maxEntries, maxBytes];
  args.push(maxAgeMs === undefined ? '' : maxAgeMs * 1000, MAX_PAGE_ENTRIES, MAX_PAGE_BYTES);
  args.push(writeAlways ? 1 : 0, runId, entries.length);
  let last = 0;
  for (const { epoch, revision, id, body } of entries) {
    // Redis would refuse it only after it had appended the entries before.
    if (!Number.isSafeInteger(revision) || revision <= last) {
      throw new RangeError(`Revision ${revision} cannot follow ${last}`);
    }
    args.push(epoch, revision, id, toArgument(body));
    last = revision;
  }
  const { sets, deletes } = foldWrites(entries);
  args.push(sets.length);
  for (const [field, value] of sets) args.push(storedName(field), value);
  for (const field of deletes) args.push(storedName(field));
  return args;
}

function parseOutcome(reply: Reply, expected: Head): Committed | Conflict {
  const [committed, ...rest] = parseList(reply);
  if (committed === 1) return { kind: 'committed', commitTime: Number(parseText(rest[0])) };
  const [epoch, revision, id, page] = rest;
  const head = parseHead(epoch, revision, id);
  const missed = parseEntries(page);
  const whole = missed.at(-1)?.id === head.id && continues(expected, missed);
  return { kind: 'conflict', missed: whole ? missed.map(toLogEntry) : 'reload' };
}

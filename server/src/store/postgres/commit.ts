import { continues, toLogEntry } from '../chain.js';
import { foldWrites } from '../fold-writes.js';
import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type Committed,
  type Conflict,
  GENESIS,
  type Head,
  type LogBounds,
  type NewEntry,
  StoreUnavailable,
} from '../store.js';
import { toJsonb } from './jsonb.js';
import { type LogRow, parseEntries, parseHead } from './rows.js';
import type { Rows, Session } from './session.js';

const COMMIT = {
  name: 'policystore_commit',
  text: 'SELECT * FROM policystore_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)',
};

/**
 * Runs one commit, in one statement that is a transaction of its own.
 * @throws StoreUnavailable where PostgreSQL says it was committed, and warns that a synchronous standby may lack it
 */
export async function commitOn(
  session: Session,
  namespace: string,
  expected: Head,
  entries: readonly NewEntry[],
  bounds: LogBounds,
): Promise<Committed | Conflict> {
  const { sets, deletes } = foldWrites(entries);
  const { maxEntries, maxBytes, maxAgeMs } = bounds;
  const rows = await withoutWarning(session, [
    ...[namespace, expected.id, expected.revision],
    ...[entries.map(({ epoch }) => epoch), entries.map(({ revision }) => revision)],
    ...[entries.map(({ id }) => id), entries.map(({ body }) => toBuffer(body))],
    entries.map(({ summary }) => (summary === undefined ? null : toJsonb(summary()))),
    ...[sets.map(([field]) => field), sets.map(([, value]) => value), deletes],
    ...[maxEntries, maxBytes, maxAgeMs === undefined ? null : maxAgeMs * 1000],
    ...[MAX_PAGE_ENTRIES, MAX_PAGE_BYTES],
  ]);
  const [first] = rows;
  if (first?.kind === 'committed') return { kind: 'committed', commitTime: Number(first.commit_time) };
  if (first?.kind === 'interrupted') return { kind: 'conflict', missed: 'reload' };
  const head = first === undefined ? GENESIS : parseHead(first);
  const missed = parseEntries(rows);
  const whole = missed.at(-1)?.id === head.id && continues(expected, missed);
  return { kind: 'conflict', missed: whole ? missed.map(toLogEntry) : 'reload' };
}

/** PostgreSQL warns of nothing else in a commit than that it no longer waits for a synchronous standby. */
async function withoutWarning(session: Session, values: unknown[]): Promise<LogRow[]> {
  let warning: string | undefined;
  const hear = ({ message }: { readonly message?: string | undefined }): void => {
    warning ??= message ?? '';
  };
  session.on('notice', hear);
  try {
    const { rows } = (await session.query(COMMIT, values)) as Rows<LogRow>;
    if (warning === undefined) return rows;
    throw new StoreUnavailable(`The outcome is unknown, for PostgreSQL warns: ${warning}`, { sent: true });
  } finally {
    session.off('notice', hear);
  }
}

/** Without a copy; the driver takes no other bytes. */
function toBuffer(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

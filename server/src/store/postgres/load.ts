import { type ChainedEntry, toLogEntry } from '../chain.js';
import { MAX_PAGE_BYTES, MAX_PAGE_ENTRIES, type Checkpoint, type RecentBounds } from '../store.js';
import { type LogRow, parseEntry, parseHead } from './rows.js';
import type { Session } from './session.js';

interface HeadRow extends Pick<LogRow, 'epoch' | 'revision' | 'id' | 'commit_time'> {
  readonly interrupted: boolean;
  readonly now: string;
}

const HEAD = `
  SELECT epoch, revision, id, commit_time,
    policystore_is_interrupted(revision, server_started, written_by, xmin) AS interrupted,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
  FROM policystore_heads WHERE namespace = $1 AND revision > 0`;
const FIELDS = 'SELECT field, value FROM policystore_fields WHERE namespace = $1';
const OLDER = 'SELECT * FROM policystore_page_down($1, 0, $2, $3, $4, 0)';

/** Reads the checkpoint and the newest entries of the log, by the page, all as of one moment. */
export async function loadFrom(
  session: Session,
  namespace: string,
  bounds: RecentBounds,
): Promise<Checkpoint | undefined> {
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const checkpoint = await read(session, namespace, bounds);
  await session.query('COMMIT');
  return checkpoint;
}

async function read(
  session: Session,
  namespace: string,
  bounds: RecentBounds,
): Promise<Checkpoint | undefined> {
  const [row] = (await session.query<HeadRow>(HEAD, [namespace])).rows;
  if (!row) return undefined;
  const { rows } = await session.query<{ field: string; value: string }>(FIELDS, [namespace]);
  const head = parseHead(row);
  return {
    head,
    commitTime: Number(row.commit_time),
    fields: new Map(rows.map(({ field, value }) => [field, value])),
    recent: await readRecent(session, namespace, head.revision, bounds),
    now: Number(row.now),
    interrupted: row.interrupted,
  };
}

/** The newest entries within the bounds, ascending. */
async function readRecent(
  session: Session,
  namespace: string,
  newest: number,
  bounds: RecentBounds,
): Promise<Checkpoint['recent']> {
  const recent: ChainedEntry[] = [];
  let bytes = 0;
  for (;;) {
    const { rows } = await session.query<LogRow>(OLDER, [
      namespace,
      (recent.at(-1)?.revision ?? newest + 1) - 1,
      Math.min(bounds.maxEntries - recent.length, MAX_PAGE_ENTRIES),
      Math.min(bounds.maxBytes - bytes, MAX_PAGE_BYTES),
    ]);
    for (const entry of rows.map(parseEntry)) {
      recent.push(entry);
      bytes += entry.body.byteLength;
    }
    if (rows.length === 0) return recent.reverse().map(toLogEntry);
  }
}

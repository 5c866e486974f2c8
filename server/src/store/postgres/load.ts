import { newestChain } from '../chain.js';
import type { Checkpoint, RecentBounds } from '../store.js';
import { type LogRow, parseEntry, parseHead } from './rows.js';
import type { Rows, Session } from './session.js';

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
  const [row] = ((await session.query(HEAD, [namespace])) as Rows<HeadRow>).rows;
  if (!row) return undefined;
  const { rows } = (await session.query(FIELDS, [namespace])) as Rows<{ field: string; value: string }>;
  const head = parseHead(row);
  return {
    head,
    commitTime: Number(row.commit_time),
    fields: new Map(rows.map(({ field, value }) => [field, value])),
    recent: await newestChain(head, bounds, async (before, { maxEntries, maxBytes }) => {
      const page = (await session.query(OLDER, [
        namespace,
        before - 1,
        maxEntries,
        maxBytes,
      ])) as Rows<LogRow>;
      return page.rows.map(parseEntry);
    }),
    now: Number(row.now),
    interrupted: row.interrupted,
  };
}

import type { ReplicaSummary } from '../store.js';
import type { Rows, Session } from './session.js';

const NOW = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

/** Takes what is over along, but waits for nobody who does the same. */
const ANNOUNCE = `
  WITH over AS (
    SELECT replica FROM policystore_replicas WHERE namespace = $1 AND replica <> $2 AND expires <= ${NOW}
    FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM policystore_replicas WHERE namespace = $1 AND replica IN (SELECT replica FROM over)
  )
  INSERT INTO policystore_replicas (namespace, replica, summary, expires) VALUES ($1, $2, $3, ${NOW} + $4)
  ON CONFLICT (namespace, replica) DO UPDATE SET summary = excluded.summary, expires = excluded.expires`;

const ANNOUNCED = `
  SELECT replica, summary FROM policystore_replicas WHERE namespace = $1 AND expires > ${NOW} ORDER BY replica`;

export async function announceOn(
  session: Session,
  namespace: string,
  { replica, body }: ReplicaSummary,
  ttlMs: number,
): Promise<void> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  await session.query(ANNOUNCE, [namespace, replica, bytes, Math.ceil(ttlMs * 1000)]);
}

export async function announcedOn(session: Session, namespace: string): Promise<ReplicaSummary[]> {
  const { rows } = (await session.query(ANNOUNCED, [namespace])) as Rows<{
    replica: string;
    summary: Buffer;
  }>;
  return rows.map(({ replica, summary }) => ({ replica, body: summary }));
}

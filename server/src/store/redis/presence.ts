import type { ReplicaSummary } from '../store.js';
import type { Connection } from './connection.js';
import { parsePairs, toArgument } from './replies.js';
import { ANNOUNCE, ANNOUNCED, runReader, runScript } from './scripts.js';

export async function announceOn(
  connection: Connection,
  key: string,
  { replica, body }: ReplicaSummary,
  ttlMs: number,
  timeoutMs: number,
): Promise<void> {
  await runScript(connection, ANNOUNCE, [key], [replica, ttlMs * 1000, toArgument(body)], timeoutMs);
}

export async function announcedOn(
  connection: Connection,
  key: string,
  timeoutMs: number,
): Promise<ReplicaSummary[]> {
  const said = parsePairs(await runReader(connection, ANNOUNCED, [key], [], timeoutMs));
  return [...said]
    .map(([replica, body]) => ({ replica, body: Buffer.isBuffer(body) ? body : Buffer.alloc(0) }))
    .sort((a, b) => (a.replica < b.replica ? -1 : 1));
}

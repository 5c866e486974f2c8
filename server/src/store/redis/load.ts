import { addressText } from '../server-url.js';
import { newestChain, onePage } from '../chain.js';
import { StoreUnusable, type Checkpoint, type RecentBounds } from '../store.js';
import { fieldName } from './fields.js';
import { logAhead } from './refusal.js';
import { parseEntries, parseHead, parseList, parsePairs, parseText } from './replies.js';
import type { ServerConnection } from './run-id.js';
import { LOAD, RANGE, runReader } from './scripts.js';

/** Reads the checkpoint with the newest page of the log at once, then older pages as far as they continue it. */
export async function loadFrom(
  connection: ServerConnection,
  keys: readonly string[],
  bounds: RecentBounds,
  timeoutMs: number,
): Promise<Checkpoint | undefined> {
  const { maxEntries, maxBytes } = onePage(bounds);
  const first = await runReader(connection, LOAD, keys, [maxEntries, maxBytes, connection.runId], timeoutMs);
  const [hash, newest, now, interrupted] = parseList(first);
  const values = parsePairs(hash);
  const head = parseHead(values.get('@epoch'), values.get('@revision') ?? 0, values.get('@head'));
  const page = parseEntries(newest);
  if (page[0] && page[0].revision > head.revision) {
    throw new StoreUnusable(logAhead(`Redis at ${addressText(connection.address)}`));
  }
  if (head.revision === 0) return undefined;

  const recent = await newestChain(head, bounds, async (before, room) => {
    if (before > head.revision) return page;
    const args = ['XREVRANGE', `(${before}-0`, '-', room.maxEntries, room.maxBytes];
    const reply = await runReader(connection, RANGE, keys, args, timeoutMs);
    return parseEntries(parseList(reply)[2]);
  });

  const fields = new Map<string, string>();
  for (const [stored, value] of values) {
    const field = fieldName(stored);
    if (field !== undefined) fields.set(field, parseText(value));
  }
  return {
    head,
    commitTime: Number(parseText(values.get('@time'))),
    fields,
    recent,
    now: Number(parseText(now)),
    interrupted: interrupted === 1,
  };
}

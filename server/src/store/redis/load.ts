import { addressText } from '../server-url.js';
import { type ChainedEntry, toLogEntry } from '../chain.js';
import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  StoreUnusable,
  type Checkpoint,
  type RecentBounds,
} from '../store.js';
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
  const first = await runReader(
    connection,
    LOAD,
    keys,
    [...pageBounds(bounds.maxEntries, bounds.maxBytes), connection.runId],
    timeoutMs,
  );
  const [hash, newest, now, interrupted] = parseList(first);
  const values = parsePairs(hash);
  const head = parseHead(values.get('@epoch'), values.get('@revision') ?? 0, values.get('@head'));
  let page = parseEntries(newest);
  if (page[0] && page[0].revision > head.revision) {
    throw new StoreUnusable(logAhead(`Redis at ${addressText(connection.address)}`));
  }
  if (head.revision === 0) return undefined;

  const recent: ChainedEntry[] = [];
  let bytes = 0;
  // Each entry names the one before it; a revision does not, since a new epoch may leave some out.
  let wanted = head.id;
  const add = (entry: ChainedEntry): boolean => {
    bytes += entry.body.byteLength;
    const fits = recent.length < bounds.maxEntries && bytes <= bounds.maxBytes;
    if (!fits || entry.id !== wanted) return false;
    recent.push(entry);
    wanted = entry.previous;
    return true;
  };
  while (page.length > 0 && page.every(add) && recent.length < bounds.maxEntries) {
    const limits = pageBounds(bounds.maxEntries - recent.length, bounds.maxBytes - bytes);
    const args = ['XREVRANGE', `(${recent.at(-1)?.revision ?? 0}-0`, '-', ...limits];
    const reply = await runReader(connection, RANGE, keys, args, timeoutMs);
    page = parseEntries(parseList(reply)[2]);
  }

  const fields = new Map<string, string>();
  for (const [stored, value] of values) {
    const field = fieldName(stored);
    if (field !== undefined) fields.set(field, parseText(value));
  }
  return {
    head,
    commitTime: Number(parseText(values.get('@time'))),
    fields,
    recent: recent.reverse().map(toLogEntry),
    now: Number(parseText(now)),
    interrupted: interrupted === 1,
  };
}

function pageBounds(maxEntries: number, maxBytes: number): [entries: number, bytes: number] {
  return [Math.min(maxEntries, MAX_PAGE_ENTRIES), Math.min(maxBytes, MAX_PAGE_BYTES)];
}

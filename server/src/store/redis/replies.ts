import type { ChainedEntry } from '../chain.js';
import type { Head } from '../store.js';
import type { Argument, Reply } from './connection.js';

/** Reads entries as XRANGE returns them. */
export function parseEntries(reply: Reply | undefined): ChainedEntry[] {
  return parseList(reply).map((entry) => {
    const [id, fields] = parseList(entry);
    const values = parsePairs(fields);
    const body = values.get('body');
    return {
      epoch: parseText(values.get('epoch')),
      revision: revisionOf(parseText(id)),
      id: parseText(values.get('id')),
      previous: parseText(values.get('previous')),
      commitTime: Number(parseText(values.get('time'))),
      body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
    };
  });
}

/** The revision of a stream id `<revision>-0`. */
export function revisionOf(streamId: string): number {
  return Number(streamId.split('-', 1)[0]);
}

export function parseHead(
  epoch: Reply | undefined,
  revision: Reply | undefined,
  id: Reply | undefined,
): Head {
  return { epoch: parseText(epoch), revision: Number(parseText(revision)), id: parseText(id) };
}

export function parseList(reply: Reply | undefined): Reply[] {
  return Array.isArray(reply) ? reply : [];
}

export function parseText(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString() : String(reply ?? '');
}

/** Reads `[name, value, name, value, …]`. */
export function parsePairs(reply: Reply | undefined): Map<string, Reply | undefined> {
  const values = parseList(reply);
  const pairs = new Map<string, Reply | undefined>();
  for (let i = 0; i < values.length; i += 2) pairs.set(parseText(values[i]), values[i + 1]);
  return pairs;
}

export function toArgument(body: Uint8Array): Argument {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

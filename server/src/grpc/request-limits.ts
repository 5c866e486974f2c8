import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

import { MAX_ENCODED_BYTES } from '../domain/encode.js';
import { MAX_ENTRIES } from '../domain/rules.js';
import { MAX_STRUCT_BYTES } from '../domain/struct-rules.js';
import type { Violation } from '../domain/violation.js';

/** Requests up to this many bytes are decoded as they come: they cannot hold enough to stall the process. */
export const SMALL_REQUEST = 64 * 1024;

/** What a write may hold beside its policy or patch: namespace, version, request id, reason. */
const MAX_ENVELOPE_BYTES = 16 * 1024;
/** No struct within its bytes as JSON holds more values: each takes two characters at least. */
const MAX_STRUCT_VALUES = MAX_STRUCT_BYTES / 2;
const MAX_DEPTH = 100;

/** What is looked at inside a message, by field number; the rest is skipped. */
type Shape = Record<number, Part>;

interface Part {
  /** The path that occurrences count against, and those inside it. Absent: the enclosing part's path. */
  readonly path?: string;
  /** Most occurrences. Absent: any number. */
  readonly limit?: number;
  readonly inside?: Shape;
}

const value: Shape = {};
const struct: Shape = { 1: { limit: MAX_STRUCT_VALUES, inside: { 2: { inside: value } } } };
value[5] = { inside: struct };
value[6] = { inside: { 1: { limit: MAX_STRUCT_VALUES, inside: value } } };

const entries = (path: string): Part => ({ path, limit: MAX_ENTRIES });
const changes = (path: string, put: 'add' | 'put'): Part => ({
  inside: { 2: entries(`${path}.remove`), 3: entries(`${path}.${put}`) },
});
const structs: Shape = {
  9: { path: 'system_health', inside: struct },
  10: { path: 'custom_params', inside: struct },
};

/** The payloads that can be large: field 2 of UpdateRequest and of PatchRequest. */
const PAYLOADS = {
  policy: {
    2: entries('allowed_strategies'),
    3: entries('allowed_symbols'),
    7: entries('opp_rankings'),
    8: entries('model_versions'),
    ...structs,
    13: entries('overrides'),
  },
  patch: {
    2: changes('allowed_strategies', 'add'),
    3: changes('allowed_symbols', 'add'),
    7: changes('opp_rankings', 'put'),
    8: changes('model_versions', 'put'),
    ...structs,
  },
} satisfies Record<string, Shape>;

/**
 * Looks for what makes a request too large to decode, without decoding it: 200,000 map entries would hold the
 * event loop for a fifth of a second. Repeated occurrences of one message add up.
 * @throws RangeError where the bytes are no protobuf message.
 */
export function findExcess(bytes: Uint8Array, payload: keyof typeof PAYLOADS): Violation | undefined {
  if (bytes.length > MAX_ENCODED_BYTES + MAX_ENVELOPE_BYTES) return tooLarge(payload, bytes.length);
  const counts = new Map<string, number>();
  const reader = new BinaryReader(bytes);
  let size = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== 2 || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, field);
      continue;
    }
    const end = endOfMessage(reader, reader.len);
    size += end - reader.pos;
    if (size > MAX_ENCODED_BYTES) return tooLarge(payload, size);
    const excess = countParts(reader, end, PAYLOADS[payload], payload, counts, 0);
    if (excess !== undefined) return excess;
  }
  return undefined;
}

function countParts(
  reader: BinaryReader,
  end: number,
  shape: Shape,
  path: string,
  counts: Map<string, number>,
  depth: number,
): Violation | undefined {
  if (depth > MAX_DEPTH) throw new RangeError('nested too deeply');
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    const part = shape[field];
    if (part === undefined || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, field);
      continue;
    }
    const partPath = part.path ?? path;
    const partEnd = endOfMessage(reader, end);
    if (part.limit !== undefined) {
      const count = (counts.get(partPath) ?? 0) + 1;
      if (count > part.limit) return tooMany(partPath, part.limit);
      counts.set(partPath, count);
    }
    if (part.inside !== undefined) {
      const excess = countParts(reader, partEnd, part.inside, partPath, counts, depth + 1);
      if (excess !== undefined) return excess;
    }
    reader.pos = partEnd;
  }
  return undefined;
}

function endOfMessage(reader: BinaryReader, limit: number): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > limit) throw new RangeError('a length reaches beyond the message');
  return end;
}

function tooLarge(field: string, size: number): Violation {
  return { field, description: `takes ${size} bytes; at most ${MAX_ENCODED_BYTES}` };
}

function tooMany(field: string, limit: number): Violation {
  return { field, description: `has more than ${limit} entries` };
}

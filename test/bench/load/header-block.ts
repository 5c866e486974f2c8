import type { ServerSecurity } from '../peers/server-process.js';

type Header = readonly [name: string, value: string];

/** Positions in the static table of RFC 7541, appendix A. */
const STATIC_FIELDS = new Map([
  [':method: POST', 3],
  [':scheme: http', 6],
  [':scheme: https', 7],
]);
const STATIC_NAMES = new Map([
  [':authority', 1],
  [':path', 4],
  ['authorization', 23],
  ['content-type', 31],
  ['user-agent', 58],
]);
const FIRST_DYNAMIC = 62;

/**
 * Encodes the headers of gRPC requests on one connection (HPACK, RFC 7541). As real clients do, it puts each
 * header into the peer's dynamic table when it is first used; from then on a request takes a few bytes. Only
 * few and short headers are expected: nothing is evicted, nothing is Huffman coded.
 */
export class HeaderBlocks {
  readonly #authority: string;
  readonly #security: ServerSecurity | undefined;
  /** Newest last. */
  readonly #table: string[] = [];
  readonly #blocks = new Map<string, { readonly bytes: Buffer; readonly tableSize: number }>();

  constructor(authority: string, security?: ServerSecurity) {
    this.#authority = authority;
    this.#security = security;
  }

  /** The header block of the next request for `path`. */
  next(path: string): Buffer {
    const known = this.#blocks.get(path);
    if (known?.tableSize === this.#table.length) return known.bytes;
    const before = this.#table.length;
    const bytes = Buffer.concat(this.#headers(path).map((header) => this.#encode(header)));
    // A block that has filled the table is not the block of the next request.
    if (this.#table.length === before) this.#blocks.set(path, { bytes, tableSize: before });
    return bytes;
  }

  #headers(path: string): Header[] {
    const token = this.#security?.token;
    return [
      [':method', 'POST'],
      [':scheme', this.#security === undefined ? 'http' : 'https'],
      [':path', path],
      [':authority', this.#authority],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['user-agent', 'policystore-bench'],
      ['grpc-accept-encoding', 'identity'],
      ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as const]),
    ];
  }

  #encode([name, value]: Header): Buffer {
    const field = `${name}: ${value}`;
    const known = STATIC_FIELDS.get(field) ?? this.#dynamicIndex(field);
    if (known !== undefined) return Buffer.from([0x80 | known]);
    this.#table.push(field);
    const index = STATIC_NAMES.get(name);
    const start = index === undefined ? [Buffer.from([0x40]), text(name)] : [Buffer.from([0x40 | index])];
    return Buffer.concat([...start, text(value)]);
  }

  #dynamicIndex(field: string): number | undefined {
    const position = this.#table.indexOf(field);
    return position < 0 ? undefined : FIRST_DYNAMIC + this.#table.length - 1 - position;
  }
}

function text(value: string): Buffer {
  if (value.length > 126) throw new RangeError(`the header is too long: ${value}`);
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

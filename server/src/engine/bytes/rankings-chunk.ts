import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** GlobalPolicy.opp_rankings, wire type LEN. */
const ENTRY_TAG = (7 << 3) | 2;

/**
 * The encoded `opp_rankings`. A score has a fixed width, so that a new score for a known symbol is written in
 * place; a new symbol is appended. Only a removal encodes the map anew.
 */
export class RankingsChunk {
  #buffer: Buffer;
  #length = 0;
  /** Where the score of a symbol lies. */
  readonly #offsets = new Map<string, number>();

  constructor(rankings: ReadonlyMap<string, number>) {
    this.#buffer = Buffer.allocUnsafe(64 + rankings.size * 32);
    for (const [symbol, score] of rankings) this.put(symbol, score);
  }

  put(symbol: string, score: number): void {
    const offset = this.#offsets.get(symbol);
    if (offset !== undefined) this.#buffer.writeDoubleLE(score, offset);
    else this.#append(symbol, score);
  }

  /** The bytes now; valid until the next put. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #append(symbol: string, score: number): void {
    const entry = new BinaryWriter()
      .uint32(ENTRY_TAG)
      .fork()
      .uint32(10)
      .string(symbol)
      .uint32(17)
      .double(score);
    const encoded = entry.join().finish();
    if (this.#length + encoded.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe((this.#length + encoded.length) * 2);
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#buffer.set(encoded, this.#length);
    this.#length += encoded.length;
    this.#offsets.set(symbol, this.#length - 8);
  }
}

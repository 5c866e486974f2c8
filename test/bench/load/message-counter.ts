const PREFIX_BYTES = 5;

/** Counts the gRPC messages of one stream without reading them. */
export class MessageCounter {
  #prefix = 0;
  #length = 0;
  #rest = 0;

  /** @returns how many messages end in this part of the stream's bytes. */
  take(bytes: Buffer): number {
    let complete = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#prefix < PREFIX_BYTES) {
        const byte = bytes[at++] ?? 0;
        // The first of the five bytes says whether the message is compressed.
        this.#length = this.#prefix === 0 ? 0 : this.#length * 256 + byte;
        if (++this.#prefix < PREFIX_BYTES) continue;
        this.#rest = this.#length;
      } else {
        const taken = Math.min(this.#rest, bytes.length - at);
        at += taken;
        this.#rest -= taken;
      }
      if (this.#rest === 0) {
        complete += 1;
        this.#prefix = 0;
      }
    }
    return complete;
  }
}

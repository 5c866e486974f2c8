import { type Palette, paletteFor } from './palette.js';

/** Where a command writes: data to stdout, talk to stderr. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  readonly #closed = new AbortController();
  /** Of data. */
  readonly palette: Palette;
  /** Of talk. */
  readonly talkPalette: Palette;
  /** What the command ends with where it does not fail. */
  exitCode = 0;

  constructor(out: NodeJS.WriteStream, err: NodeJS.WriteStream) {
    this.#out = out;
    this.#err = err;
    this.palette = paletteFor(out);
    this.talkPalette = paletteFor(err);
    // Whoever reads may leave (`| head`). That ends what only prints, and nothing that acts.
    for (const stream of [out, err]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        if (stream === out) this.#closed.abort();
      });
    }
  }

  /** Aborts when nobody reads stdout any more. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** One line, or several, of data. */
  print(text: string): void {
    if (!this.closed.aborted) this.#out.write(`${text}\n`);
  }

  /** One line, or several, for people. */
  tell(text: string): void {
    if (this.#err.writable) this.#err.write(`${text}\n`);
  }
}

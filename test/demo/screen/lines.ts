import { clockTime } from '../market/day-time.js';
import type { Scene, Teller, Told } from './teller.js';

/** Tells of each event in a line. */
export class Lines implements Teller {
  readonly #write: (text: string) => unknown;

  constructor(write: (text: string) => unknown) {
    this.#write = write;
  }

  tell({ minute, who, what }: Told): void {
    this.#write(`${clockTime(minute)}  ${who.padEnd(20)}${what}\n`);
  }

  show(_scene: Scene): void {
    // A file is not redrawn.
  }

  close(): void {
    // Nothing to put back.
  }
}

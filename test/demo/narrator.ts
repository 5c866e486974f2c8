/** Tells what happens, line by line, with the time since the start. */
export class Narrator {
  readonly #started = performance.now();

  tell(who: string, what: string): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(3);
    console.log(`${seconds} s  ${who.padEnd(20)}${what}`);
  }
}

export function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`;
}

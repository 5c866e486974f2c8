/** Long enough for all watchers to say that they have a stop, in milliseconds. */
const DELAY_MS = 50;

/** Does what can wait a moment later, all of it at once, in order. */
export class Later {
  #works: (() => void)[] = [];

  /** @param work must not throw. */
  add(work: () => void): void {
    if (this.#works.push(work) > 1) return;
    setTimeout(() => {
      for (const each of this.#works.splice(0)) each();
    }, DELAY_MS);
  }
}

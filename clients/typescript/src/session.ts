import { type Version } from './version.js';

/** The newest version that this client has seen, on any address: no later read may be older. */
export class Session {
  #seen: Version | undefined;

  /** An epoch other than the one seen replaces it: a server answers only in epochs that continue what it was told. */
  observe(version: Version): void {
    if (version.epoch !== this.#seen?.epoch || version.revision > this.#seen.revision) this.#seen = version;
  }

  /** What a read must not be older than: what was seen, or what the caller asks for where that is more. */
  atLeast(asked: Version | undefined): Version | undefined {
    if (asked === undefined) return this.#seen;
    return asked.epoch === this.#seen?.epoch && asked.revision < this.#seen.revision ? this.#seen : asked;
  }

  forget(): void {
    this.#seen = undefined;
  }
}

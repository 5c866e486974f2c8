import { PolicyStoreError } from './errors.js';
import { type Version } from './version.js';

/** The newest version that this client has seen, on any address: no later read may be older. */
export class Session {
  #seen: Version | undefined;
  #pending = false;

  /**
   * The newer of two versions has the higher revision, also across epochs: each continues above all that was seen
   * before. A lower one of another epoch is an answer that was late, or of a store that was replaced, which the next
   * read finds out (`EPOCH_UNKNOWN`).
   *
   * @param pending Whether a pending override was in force in what was seen: it changes the policy, not the version.
   */
  observe(version: Version, pending = false): void {
    if (this.#isNewest(version)) this.#pending ||= pending;
    if (this.#seen && version.revision <= this.#seen.revision) return;
    this.#seen = version;
    this.#pending = pending;
  }

  /** As `observe`, of an answer. @throws PolicyStoreError INTERNAL for one without a version. */
  see(version: Version | undefined, pending?: boolean): Version {
    if (!version) throw new PolicyStoreError('INTERNAL', 'the server answered without a version');
    this.observe(version, pending);
    return version;
  }

  /** What a read must not be older than: what was seen, or what the caller asks for where that is more. */
  atLeast(asked?: Version): Version | undefined {
    if (asked === undefined) return this.#seen;
    return asked.epoch === this.#seen?.epoch && asked.revision < this.#seen.revision ? this.#seen : asked;
  }

  /**
   * Whether the version says which policy it is. Not where a pending override was seen at it: a server that does not
   * know the override has another policy under the same version. (At versions before the newest, no server may
   * answer any more.)
   */
  identifies(version: Version): boolean {
    return !(this.#pending && this.#isNewest(version));
  }

  forget(): void {
    this.#seen = undefined;
  }

  #isNewest({ epoch, revision }: Version): boolean {
    return epoch === this.#seen?.epoch && revision === this.#seen.revision;
  }
}

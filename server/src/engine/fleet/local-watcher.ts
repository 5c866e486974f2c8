import { MemberState, type Rejection, type Version } from '@policystore/client/proto';

import { invalid } from '../../errors.js';
import { formatVersion } from '../change.js';
import type { Acknowledgement, WatcherInfo } from '../types.js';
import type { Goal } from './goal.js';

/** How far a stream has come. */
export interface StreamPosition {
  /** Everything that there is was written, and the reader can take more. */
  readonly isServed: boolean;
  /** What it was sent no longer tells what it is missing: a snapshot has to come. */
  readonly isBehind: boolean;
  /** The epoch of what was sent; empty: nothing was. */
  readonly epoch: string;
  /** The newest revision, in that epoch, that was sent or does not concern it. */
  readonly reached: number;
  /** The revision, in that epoch, of the last message that was no heartbeat. */
  readonly brought: number;
  /** The newest sequence of what is pending that was sent. */
  readonly sequence: number;
  /** Called before `brought` grows. */
  onBring: (() => void) | undefined;
  /** Tells a reader that can take it how far it has come, if it does not know. */
  tellReached(): void;
}

/** A watcher of this replica, and what it says of itself. */
export class LocalWatcher {
  readonly id: string;
  readonly info: WatcherInfo;
  /** When its stream began, in microseconds since the Unix epoch, by the store's clock. */
  readonly since: number;
  /** Lost: its stream has ended, and it had not said that it would act no more. */
  presence: 'here' | 'lost' | 'gone' = 'here';
  readonly #stream: StreamPosition;
  #applied: Said | undefined;
  #rejected: (Said & { readonly reason: string }) | undefined;
  #leaseEndsAt = -Infinity;

  constructor(id: string, info: WatcherInfo, since: number, stream: StreamPosition) {
    this.id = id;
    this.info = info;
    this.since = since;
    this.#stream = stream;
    stream.onBring = () => {
      this.#latch();
    };
  }

  /**
   * Takes what it says. True: that is news.
   * @throws PolicyError VALIDATION_FAILED for a version, or something pending, that it was not sent.
   */
  hear({ version, rejection, pendingSequence }: Acknowledgement): boolean {
    const { epoch, reached, sequence } = this.#stream;
    if (pendingSequence > sequence) {
      const description = `${pendingSequence} was not sent on this stream; the newest that was is ${sequence}`;
      throw invalid([{ field: 'pending_sequence', description }]);
    }
    // Else it has been sent another epoch since, and will say what it makes of that.
    if (version?.epoch !== epoch) return false;
    if (version.revision > reached) {
      const newest = formatVersion({ epoch, revision: reached });
      const description = `${formatVersion(version)} was not sent on this stream; the newest that was is ${newest}`;
      throw invalid([{ field: 'version', description }]);
    }
    const said = { version, pendingSequence };
    if (covers(this.#applied, said)) return false;
    if (rejection !== undefined) {
      if (this.#rejected?.reason === rejection && covers(this.#rejected, said)) return false;
      this.#rejected = { ...said, reason: rejection };
      return true;
    }
    // An old one that comes late says nothing.
    if (this.#applied?.version.epoch === epoch && this.#applied.version.revision > version.revision)
      return false;
    this.#applied = said;
    if (this.#rejected?.version.epoch !== epoch || covers(said, this.#rejected)) this.#rejected = undefined;
    return true;
  }

  /** What it holds may be believed until then, on the monotonic clock, at the latest. */
  renew(until: number): void {
    if (until > this.#leaseEndsAt) this.#leaseEndsAt = until;
  }

  get leaseEndsAt(): number {
    return this.#leaseEndsAt;
  }

  /** Lets it know how far it has come with what does not concern it, so that its lease covers that. */
  tellWhatFollows(): void {
    this.#stream.tellReached();
  }

  /** Everything that there is was written to its stream. */
  get isServed(): boolean {
    return this.#stream.isServed;
  }

  stateFor(goal: Goal): MemberState {
    if (!this.info.acknowledges) return MemberState.UNSPECIFIED;
    if (this.#hasReached(goal, this.#applied)) return MemberState.APPLIED;
    if (this.presence === 'lost') return MemberState.LOST;
    return this.#hasReached(goal, this.#rejected) ? MemberState.REJECTED : MemberState.PENDING;
  }

  /** Whether others wait for it. */
  isBehind(goal: Goal): boolean {
    return this.presence === 'here' && this.stateFor(goal) === MemberState.PENDING;
  }

  get delivered(): Version | undefined {
    const { epoch, reached } = this.#stream;
    return epoch === '' ? undefined : { epoch, revision: reached };
  }

  get applied(): Version | undefined {
    return this.#applied && this.#withWhatFollows(this.#applied.version);
  }

  get rejection(): Rejection | undefined {
    const { version, reason } = this.#rejected ?? {};
    return reason === undefined ? undefined : { version, reason };
  }

  /** What it has by now it keeps, though what comes next concerns it. */
  #latch(): void {
    if (this.#applied === undefined) return;
    const version = this.#withWhatFollows(this.#applied.version);
    if (version !== this.#applied.version) this.#applied = { ...this.#applied, version };
  }

  #hasReached(goal: Goal, said: Said | undefined): boolean {
    return said !== undefined && goal.isHeldWith(this.#withWhatFollows(said.version), said.pendingSequence);
  }

  /** Who has dealt with all that was brought has dealt also with what does not concern it. */
  #withWhatFollows(version: Version): Version {
    const { epoch, reached, brought, isBehind } = this.#stream;
    const isAll = version.epoch === epoch && version.revision >= brought && !isBehind;
    return isAll && version.revision < reached ? { epoch, revision: reached } : version;
  }
}

interface Said {
  readonly version: Version;
  readonly pendingSequence: number;
}

function covers(said: Said | undefined, other: Said): boolean {
  return (
    said?.version.epoch === other.version.epoch &&
    said.version.revision >= other.version.revision &&
    said.pendingSequence >= other.pendingSequence
  );
}

import { ChangeKind } from '@policystore/client/proto';

import { PolicyError, shuttingDown } from '../errors.js';
import type { Verdict } from './draft.js';
import type { PreparedWrite } from './prepare-write.js';
import type { PendingOverride } from './replica.js';

/** What may wait of all callers together, and what goes out in one commit: requests and bytes. */
const MAX_QUEUED = { writes: 20_000, bytes: 128 * 1024 * 1024 };
export const MAX_BATCH = { writes: 256, bytes: 1024 * 1024 };

/** A caller that waits for its verdict; without a write it asks only for the store's confirmation. */
export interface Waiting {
  readonly write: PreparedWrite | undefined;
  /** The writes of one identity have ascending turns, and those of all identities go out turn by turn. */
  readonly turn: number;
  readonly verdict: Promise<Verdict>;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
  /** The override that is in force here for it: it was answered as pending, and must be committed. */
  pending: PendingOverride | undefined;
}

/** How much of something waits: requests and bytes. */
export interface Load {
  readonly writes: number;
  readonly bytes: number;
}

const NOTHING: Load = { writes: 0, bytes: 0 };

/** What waits of one identity, and the turn of its last. */
interface Share extends Load {
  readonly turn: number;
}

/**
 * Writes of each identity in order of arrival, and of all identities in turn, so that nobody waits behind all that another
 * one has sent. Overrides come first. The writes are bounded, overrides are not: an identity may have as much in it as it
 * leaves free, one alone half of it, and there is always room for another one.
 */
export class WriteQueue {
  #waiting: Waiting[] = [];
  /** The one that all who wait for a confirmation share, until it leaves the queue. */
  #confirmation: Waiting | undefined;
  #load = NOTHING;
  readonly #shares = new Map<string, Share>();
  /** Whose turn it is: what comes from somebody who has nothing here is next. */
  #turn = 0;
  #closed = false;

  /** @throws PolicyError WRITE_QUEUE_FULL, SHUTTING_DOWN. */
  push(write: PreparedWrite, signal?: AbortSignal): Waiting {
    if (this.#closed) throw shuttingDown();
    const isUrgent = isStop(write);
    if (!isUrgent) this.#refuseExcess(write, signal);
    const waiting = createWaiting(write, isUrgent ? this.#turn : this.#turnOf(write));
    this.#waiting.splice(isUrgent ? this.#placeOfStop(write) : this.#placeOf(waiting), 0, waiting);
    this.#count(waiting, 1);
    signal?.addEventListener('abort', () => {
      if (this.remove(waiting)) waiting.reject(signal.reason as Error);
    });
    return waiting;
  }

  /**
   * Waits for a confirmation of what was committed before the call; all that wait share one.
   * @throws PolicyError SHUTTING_DOWN.
   */
  pushConfirmation(): Promise<Verdict> {
    if (this.#closed) throw shuttingDown();
    if (this.#confirmation === undefined) {
      this.#confirmation = createWaiting(undefined, this.#turn);
      this.#waiting.splice(this.#placeOf(this.#confirmation), 0, this.#confirmation);
    }
    return this.#confirmation.verdict;
  }

  /** The next batch, in the order in which it counts; empty when nothing waits. */
  take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { write, turn } of this.#waiting) {
      bytes += write?.size ?? 0;
      if (count > 0 && (count >= MAX_BATCH.writes || bytes > MAX_BATCH.bytes)) break;
      count += 1;
      this.#turn = Math.max(this.#turn, turn);
    }
    return this.#removed(this.#waiting.splice(0, count));
  }

  /** Puts the end of a batch back in front. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting);
    for (const one of waiting) this.#count(one, 1);
  }

  /** All but the pending overrides, which stay. */
  takeRefusable(): Waiting[] {
    const all = this.#waiting;
    this.#waiting = all.filter(({ pending }) => pending !== undefined);
    return this.#removed(all.filter(({ pending }) => pending === undefined));
  }

  /** The pending overrides that are not committed yet. */
  takePending(): Waiting[] {
    const all = this.#waiting;
    this.#waiting = all.filter(({ pending }) => pending === undefined);
    return this.#removed(all.filter(({ pending }) => pending !== undefined));
  }

  /** False: it is not waiting any more. */
  remove(waiting: Waiting): boolean {
    const index = this.#waiting.indexOf(waiting);
    if (index < 0) return false;
    this.#removed(this.#waiting.splice(index, 1));
    return true;
  }

  /** Those that have not been taken yet. */
  get waiting(): readonly Waiting[] {
    return [...this.#waiting];
  }

  /** What has not been taken yet. */
  get load(): Load {
    return this.#load;
  }

  get hasPending(): boolean {
    return this.#waiting.some(({ pending }) => pending !== undefined);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Refuses what comes from now on. */
  close(): void {
    this.#closed = true;
  }

  #turnOf({ request }: PreparedWrite): number {
    const own = this.#shares.get(request.actor.name);
    return Math.max(this.#turn, own === undefined ? 0 : own.turn + 1);
  }

  /** Behind all whose turn is not later; a Restore also behind the stops, one of which it may be to take away. */
  #placeOf({ write, turn }: Waiting): number {
    const all = this.#waiting;
    const front = all.findIndex((other) => !isStop(other.write));
    const stops =
      write?.step.kind === ChangeKind.RESTORE ? all.findLastIndex((it) => isStop(it.write)) + 1 : 0;
    const earlier = all.findLastIndex((other) => !isStop(other.write) && other.turn <= turn);
    return Math.max(front < 0 ? all.length : front, stops, earlier + 1);
  }

  /** Of a stop: before all but stops, and behind every Restore of its name, which would take it away again. */
  #placeOfStop(stop: PreparedWrite): number {
    const restored = this.#waiting.findLastIndex(({ write }) => write && isRestoreOf(write, stop));
    const place = this.#waiting.findIndex(({ write }, i) => i > restored && !isStop(write));
    return place < 0 ? this.#waiting.length : place;
  }

  #refuseExcess(write: PreparedWrite, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    const own = this.#shares.get(write.request.actor.name) ?? NOTHING;
    const { writes, bytes } = this.#load;
    const free = { writes: MAX_QUEUED.writes - writes - 1, bytes: MAX_QUEUED.bytes - bytes - write.size };
    if (own.writes + 1 <= free.writes && own.bytes + write.size <= free.bytes) return;
    const text = `${writes} writes wait for the store already, ${own.writes} of them by the same caller; slow down`;
    throw new PolicyError('WRITE_QUEUE_FULL', text, { retryAfterMs: 200 });
  }

  #count({ write, turn }: Waiting, times: 1 | -1): void {
    if (write === undefined) return;
    const { name } = write.request.actor;
    const add = ({ writes, bytes }: Load): Load => ({
      writes: writes + times,
      bytes: bytes + times * write.size,
    });
    this.#load = add(this.#load);
    const known = this.#shares.get(name);
    const own = { ...add(known ?? NOTHING), turn: Math.max(known?.turn ?? 0, turn) };
    if (own.writes === 0) this.#shares.delete(name);
    else this.#shares.set(name, own);
  }

  #removed(waiting: Waiting[]): Waiting[] {
    for (const one of waiting) {
      if (one.write === undefined) this.#confirmation = undefined;
      this.#count(one, -1);
    }
    return waiting;
  }
}

/** An override that means it. */
export function isStop(write: PreparedWrite | undefined): boolean {
  return write?.step.kind === ChangeKind.OVERRIDE && !write.request.validateOnly;
}

function isRestoreOf({ step: a }: PreparedWrite, { step: b }: PreparedWrite): boolean {
  return a.kind === ChangeKind.RESTORE && a.on === 'overrides' && b.on === 'overrides' && a.name === b.name;
}

function createWaiting(write: PreparedWrite | undefined, turn: number): Waiting {
  let settle: Pick<Waiting, 'resolve' | 'reject'> | undefined;
  const verdict = new Promise<Verdict>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error('a promise calls its executor at once');
  return { write, turn, verdict, ...settle, pending: undefined };
}

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
  readonly verdict: Promise<Verdict>;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
  /** The override that is in force here for it: it was answered as pending, and must be committed. */
  pending: PendingOverride | undefined;
}

/** How much of something waits: requests and bytes. */
interface Load {
  readonly writes: number;
  readonly bytes: number;
}

const NOTHING: Load = { writes: 0, bytes: 0 };

/**
 * Writes in order of arrival, bounded; overrides come first, and are not bounded. An identity may have as much in it as it
 * leaves free: one alone half of it, and there is always room for another one.
 */
export class WriteQueue {
  #waiting: Waiting[] = [];
  /** The one that all who wait for a confirmation share, until it leaves the queue. */
  #confirmation: Waiting | undefined;
  #load = NOTHING;
  readonly #loads = new Map<string, Load>();
  #closed = false;

  /** @throws PolicyError WRITE_QUEUE_FULL, SHUTTING_DOWN. */
  push(write: PreparedWrite, signal?: AbortSignal): Waiting {
    if (this.#closed) throw shuttingDown();
    const isUrgent = isStop(write);
    if (!isUrgent) this.#refuseExcess(write, signal);
    const waiting = createWaiting(write);
    this.#waiting.splice(isUrgent ? this.#placeOf(write) : this.#waiting.length, 0, waiting);
    this.#count(write, 1);
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
      this.#confirmation = createWaiting(undefined);
      this.#waiting.push(this.#confirmation);
    }
    return this.#confirmation.verdict;
  }

  /** The next batch, oldest first; empty when nothing waits. */
  take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { write } of this.#waiting) {
      bytes += write?.size ?? 0;
      if (count > 0 && (count >= MAX_BATCH.writes || bytes > MAX_BATCH.bytes)) break;
      count += 1;
    }
    return this.#removed(this.#waiting.splice(0, count));
  }

  /** Puts the end of a batch back in front. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting);
    for (const { write } of waiting) if (write !== undefined) this.#count(write, 1);
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

  /** Of a stop: before all but stops, and behind every Restore of its name, which would take it away again. */
  #placeOf(stop: PreparedWrite): number {
    const restored = this.#waiting.findLastIndex(({ write }) => write && isRestoreOf(write, stop));
    const place = this.#waiting.findIndex(({ write }, i) => i > restored && !isStop(write));
    return place < 0 ? this.#waiting.length : place;
  }

  #refuseExcess(write: PreparedWrite, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    const own = this.#loads.get(write.request.actor.name) ?? NOTHING;
    const { writes, bytes } = this.#load;
    const free = { writes: MAX_QUEUED.writes - writes - 1, bytes: MAX_QUEUED.bytes - bytes - write.size };
    if (own.writes + 1 <= free.writes && own.bytes + write.size <= free.bytes) return;
    const text = `${writes} writes wait for the store already, ${own.writes} of them by the same caller; slow down`;
    throw new PolicyError('WRITE_QUEUE_FULL', text, { retryAfterMs: 200 });
  }

  #count({ request, size }: PreparedWrite, times: 1 | -1): void {
    const { name } = request.actor;
    const add = ({ writes, bytes }: Load): Load => ({ writes: writes + times, bytes: bytes + times * size });
    this.#load = add(this.#load);
    const own = add(this.#loads.get(name) ?? NOTHING);
    if (own.writes === 0) this.#loads.delete(name);
    else this.#loads.set(name, own);
  }

  #removed(waiting: Waiting[]): Waiting[] {
    for (const { write } of waiting) {
      if (write === undefined) this.#confirmation = undefined;
      else this.#count(write, -1);
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

function createWaiting(write: PreparedWrite | undefined): Waiting {
  let settle: Pick<Waiting, 'resolve' | 'reject'> | undefined;
  const verdict = new Promise<Verdict>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error('a promise calls its executor at once');
  return { write, verdict, ...settle, pending: undefined };
}

import { randomUUID } from 'node:crypto';

import {
  formatVersion,
  type OverrideInput,
  PolicyClient,
  PolicyStoreError,
  type Version,
} from '@policystore/client';

import { messageOf } from '../explain.js';
import { type Target } from '../profile/target.js';
import { followReceipt, type Reached, type Taken } from './follow-receipt.js';
import { mergeReceipts } from './merge-receipts.js';

/** Once one address has taken it, the others have this long. */
const OTHERS_MS = 2000;

/** What one address made of a stop. */
export interface AddressOutcome {
  readonly address: string;
  readonly outcome: 'committed' | 'pending' | 'failed';
  readonly version: Version | undefined;
  /** From when the command began to call. */
  readonly ms: number;
  readonly error: PolicyStoreError | undefined;
}

export interface StopPlan {
  readonly input: OverrideInput;
  /** How long to wait for programs to apply it, in milliseconds. */
  readonly waitMs: number;
}

export interface StopEvents {
  /** An address has answered, or failed. */
  answered(stop: Stop, outcome: AddressOutcome): void;
  /** The receipt is there; addresses may still be on their way. */
  reached(stop: Stop, reached: Reached): void;
}

/**
 * One override in one namespace, called at each address on its own, with one request id: it is committed once, and no
 * address waits for another.
 */
export class Stop {
  readonly namespace: string;
  readonly outcomes: AddressOutcome[] = [];
  readonly #requestId = randomUUID();
  readonly #target: Target;
  readonly #plan: StopPlan;
  readonly #events: StopEvents;
  readonly #startedAt = performance.now();
  readonly #others = new AbortController();
  readonly #following: Promise<Reached>[] = [];
  #reached: Reached | undefined;
  #isCommitFollowed = false;

  constructor(namespace: string, target: Target, plan: StopPlan, events: StopEvents) {
    this.namespace = namespace;
    this.#target = target;
    this.#plan = plan;
    this.#events = events;
  }

  /** Resolves when the address has answered or failed. */
  async callAt(address: string): Promise<void> {
    const client = new PolicyClient({
      ...this.#target,
      addresses: [address],
      namespace: this.namespace,
    });
    try {
      const { version, pending, override } = await client.override(this.#plan.input, {
        requestId: this.#requestId,
        signal: this.#others.signal,
      });
      this.#note({ address, outcome: pending ? 'pending' : 'committed', version, error: undefined });
      const name = override?.name ?? this.#plan.input.name ?? '';
      // The first that has it in the store knows of everybody; who holds it pending only of its own watchers.
      if (pending || !this.#isCommitFollowed)
        this.#following.push(this.#follow(address, { name, version, isPending: pending }));
      this.#isCommitFollowed ||= !pending;
    } catch (error) {
      if (!(error instanceof PolicyStoreError)) throw error;
      this.#note({ address, outcome: 'failed', version: undefined, error });
    } finally {
      client.close();
    }
  }

  /** It stops trading, and does not only limit or ban something. */
  get stopsTrading(): boolean {
    const { limits } = this.#plan.input;
    return limits?.tradingState !== undefined || limits === undefined;
  }

  /** Who has stopped, once all addresses have answered. Unset where none took it. */
  async reached(): Promise<Reached | undefined> {
    const all = await Promise.all(this.#following);
    if (!this.#reached && all[0]) {
      const receipt = mergeReceipts(all.flatMap((each) => (each.receipt ? [each.receipt] : [])));
      this.#tell({ ...all[0], receipt, ms: Math.max(...all.map(({ ms }) => ms)) });
    }
    return this.#reached;
  }

  /** It is in no store, also by the end of the receipt: it ends with the servers that took it. */
  get isPending(): boolean {
    const isCommitted = this.#took.some(({ outcome }) => outcome === 'committed');
    return this.#took.length > 0 && !isCommitted && this.#reached?.isPending !== false;
  }

  /** Why no address took it. Unset: one did. */
  get failure(): PolicyStoreError | undefined {
    if (this.#took.length > 0) return undefined;
    const errors = this.outcomes.flatMap(({ error }) => (error ? [error] : []));
    return errors.find((error) => !isAway(error)) ?? errors[0];
  }

  /** Addresses of which the receipt says nothing: they refused, or their servers have another store. */
  get unvouched(): string[] {
    const epoch = this.outcomes.find(({ outcome }) => outcome === 'committed')?.version?.epoch;
    const isVouched = ({ outcome, version, error }: AddressOutcome): boolean =>
      error ? isAway(error) : outcome === 'pending' || version?.epoch === epoch;
    return this.outcomes.filter((each) => !isVouched(each)).map(({ address }) => address);
  }

  get #took(): AddressOutcome[] {
    return this.outcomes.filter(({ outcome }) => outcome !== 'failed');
  }

  #note(outcome: Omit<AddressOutcome, 'ms'>): void {
    if (outcome.outcome !== 'failed' && this.#took.length === 0) this.#limitOthers();
    const noted = { ...outcome, ms: performance.now() - this.#startedAt };
    this.outcomes.push(noted);
    this.#events.answered(this, noted);
  }

  #limitOthers(): void {
    const late = new PolicyStoreError(
      'DEADLINE_EXCEEDED',
      `no answer ${OTHERS_MS} ms after another address answered`,
    );
    setTimeout(() => {
      this.#others.abort(late);
    }, OTHERS_MS).unref();
  }

  async #follow(address: string, taken: Taken): Promise<Reached> {
    const client = new PolicyClient({ ...this.#target, addresses: [address], namespace: this.namespace });
    try {
      const reached = await followReceipt(client, taken, this.#startedAt, this.#plan.waitMs);
      if (!reached.isPending) this.#tell(reached);
      return reached;
    } finally {
      client.close();
    }
  }

  /** Once. */
  #tell(reached: Reached): void {
    if (this.#reached) return;
    this.#reached = reached;
    this.#events.reached(this, reached);
  }
}

/** Nothing answers there. Who follows it goes elsewhere, or is safe when its lease has ended. */
function isAway({ code }: PolicyStoreError): boolean {
  return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED';
}

export function outcomeJson({ address, outcome, version, ms, error }: AddressOutcome) {
  return {
    address,
    outcome,
    version: version ? formatVersion(version) : null,
    ms: Math.round(ms),
    error: error ? messageOf(error) : null,
  };
}

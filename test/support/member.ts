import type { AcknowledgeResponse, Version, WatchResponse } from '@policystore/client/proto';

import type { Acknowledgement, WatchOptions } from '../../server/src/engine/types.js';
import { millisecondsOf } from '../../server/src/engine/fleet/members.js';
import type { Clock } from '../../server/src/clock.js';
import type { Reader, TestEngine } from './engine.js';

export interface MemberSetup extends Partial<WatchOptions> {
  readonly component?: string;
  readonly instance?: string;
  /** Whether it acknowledges what it is sent by itself. Default: true. */
  readonly answers?: boolean;
}

/** A watcher that acknowledges, as a client does: what it was sent, and how long it may believe it. */
export class TestMember {
  readonly reader: Reader;
  readonly engine: TestEngine;
  /** What was refused of what it acknowledged. */
  readonly refusals: unknown[] = [];
  /** Whether it acknowledges what it is sent by itself. */
  answers: boolean;
  /** Until when it may believe what it holds, by the clock that it was given. */
  believesUntil = -Infinity;
  /** The versions that it acknowledged as applied. */
  readonly applied: Version[] = [];
  readonly #unread: WatchResponse[] = [];
  #isFrozen = false;
  readonly #clock: Clock | undefined;
  #held: { readonly version: Version; readonly pendingSequence: number } | undefined;
  #id = '';
  #isSending = false;

  constructor(engine: TestEngine, setup: MemberSetup = {}, clock?: Clock) {
    const { component = 'executor', instance = 'one', answers = true, ...options } = setup;
    this.engine = engine;
    this.answers = answers;
    this.#clock = clock;
    const watcher = { component, instance, address: '127.0.0.1:1', acknowledges: true };
    this.reader = engine.watch({ watcher, ...options }, (message) => {
      if (this.#isFrozen) this.#unread.push(message);
      else this.#take(message);
      return true;
    });
  }

  get id(): string {
    return this.#id;
  }

  get held(): Version | undefined {
    return this.#held?.version;
  }

  /** Its program had another stream before, and goes on with what it held, as long as it may. */
  takeOver(before: TestMember): void {
    this.believesUntil = before.believesUntil;
    if (before.#held !== undefined) this.#held ??= { ...before.#held, pendingSequence: 0 };
    before.believesUntil = -Infinity;
  }

  /** Acknowledges what it holds. */
  acknowledge(parts: Partial<Acknowledgement> = {}): AcknowledgeResponse {
    const { version, pendingSequence = 0 } = this.#held ?? {};
    const said = { watcherId: this.#id, version, rejection: undefined, pendingSequence, closing: false };
    const sentAt = this.#clock?.now() ?? 0;
    const answer = this.engine.namespace.acknowledge({ ...said, ...parts });
    if (version !== undefined && parts.rejection === undefined) this.applied.push(parts.version ?? version);
    const isHeld = version?.epoch === answer.version?.epoch && version!.revision >= answer.version!.revision;
    const validForMs = millisecondsOf(answer.validFor!);
    if (isHeld && validForMs > 0) this.believesUntil = Math.max(this.believesUntil, sentAt + validForMs);
    return answer;
  }

  /** Does nothing until it thaws; what it is sent waits. */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const message of this.#unread.splice(0)) this.#take(message);
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  leave(): void {
    this.reader.leave();
  }

  #take({ version, watcherId, pendingSequence }: WatchResponse): void {
    if (watcherId !== '') this.#id = watcherId;
    this.#held = {
      version: version!,
      pendingSequence: pendingSequence || (this.#held?.pendingSequence ?? 0),
    };
    if (!this.answers || this.#isSending) return;
    this.#isSending = true;
    queueMicrotask(() => {
      this.#isSending = false;
      try {
        if (this.answers && !this.#isFrozen && this.reader.error === undefined) this.acknowledge();
      } catch (error) {
        this.refusals.push(error);
      }
    });
  }
}

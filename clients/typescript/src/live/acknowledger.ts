import { type Metadata } from '@grpc/grpc-js';

import { type Channel } from '../channels.js';
import { readDuration } from '../duration.js';
import { PolicyStoreError } from '../errors.js';
import { readTradingState } from '../policy.js';
import { type AcknowledgeRequest } from '../proto.js';
import { backoffMs, isTransient } from '../retry.js';
import { type Timing } from '../timing.js';
import { callOnce } from '../unary.js';
import { type Version } from '../version.js';
import { Acknowledgements } from './acknowledgements.js';
import { type Voucher } from './lease.js';

/** The lease is renewed at least after this part of it, and a little earlier so that clients do not ask in step. */
const RENEW = 1 / 3;
const RENEW_JITTER = 0.2;

/** The server vouches for nothing at the moment. */
const NOT_NOW = { firstMs: 50, maxMs: 2_000 };
/** The server could not be asked. */
const PASSING = { firstMs: 100, maxMs: 2_000 };
/** The server refuses. */
const REFUSED = { firstMs: 1_000, maxMs: 30_000 };

/** An answer may take a third of the lease, within these; longer after each in a row that did not come. */
const MIN_PATIENCE_MS = 1_000;
const MAX_PATIENCE_MS = 5_000;
const LAST_PATIENCE_MS = 10_000;

/** After so many failures in a row the stream is opened anew, maybe elsewhere. */
const TRIES = 3;

/** The last word may take this long. */
const CLOSING_MS = 1_000;

/** Where something came from. */
export interface Brought {
  /** The stream. */
  readonly watcherId: string;
  /** The newest that the stream had brought by then. It means nothing to another stream. */
  readonly pendingSequence: number;
}

/** What the program made of a version. */
export interface Dealt extends Brought {
  readonly version: Version;
  /** Why it could not apply it. */
  readonly rejection: string | undefined;
}

/** A stream that acknowledges. */
export interface WatcherStream {
  readonly channel: Channel;
  readonly watcherId: string;
}

export interface AcknowledgerContext {
  readonly namespace: string;
  readonly metadata: Metadata;
  readonly timing: Timing;
  /** Whether there is another address to go to. */
  readonly hasOthers: boolean;
  readonly answered: (voucher: Voucher) => void;
  readonly failed: (error: PolicyStoreError) => void;
  /** The stream does not do: ends it. */
  readonly giveUp: (error: PolicyStoreError) => void;
}

/**
 * Tells the server what the program has made of the policy, and has the lease renewed by that: of several things to tell
 * only the newest, one call at a time, at once when there is something new.
 */
export class Acknowledger {
  readonly #context: AcknowledgerContext;
  #dealt: Dealt | undefined;
  #told: Dealt | undefined;
  /** Ends a rest. */
  #wake = (): void => undefined;
  /** When the next timer is due that ends one. */
  #timerAt = Infinity;
  #patienceMs = MAX_PATIENCE_MS;
  #timeouts = 0;
  #failures = 0;
  #refusals = 0;

  constructor(context: AcknowledgerContext) {
    this.#context = context;
  }

  /** Of two with the same version the later one counts: a pending override changes the policy and not the version. */
  tell(dealt: Dealt): void {
    this.#dealt = dealt;
    this.#wake();
  }

  /** Acknowledges on a stream until the signal aborts. */
  async run(stream: WatcherStream, signal: AbortSignal): Promise<void> {
    this.#told = undefined;
    let restMs = 0;
    const acknowledgements = new Acknowledgements(stream.channel, this.#context.metadata);
    signal.addEventListener('abort', () => {
      acknowledgements.end(signal.reason);
      this.#wake();
    });
    try {
      for (;;) {
        const dealt = await this.#next(restMs, signal);
        try {
          restMs = await this.#acknowledge(acknowledgements, dealt, this.#request(stream, dealt));
        } catch (error) {
          if (!(error instanceof PolicyStoreError) || signal.aborted) throw error;
          restMs = await this.#recover(error, signal);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Says that the program acts no more, if the server can be told. */
  async close(stream: WatcherStream): Promise<void> {
    const { metadata } = this.#context;
    const { fleet } = stream.channel;
    const request = { ...this.#request(stream, this.#dealt), closing: true };
    const never = new AbortController().signal;
    try {
      await callOnce(
        (options, done) => fleet.acknowledge(request, metadata, options, done),
        CLOSING_MS,
        never,
      );
    } catch {
      // The server will find out: its lease on this program ends.
    }
  }

  /** Waits until there is something new to tell, or the time has come to ask again. */
  async #next(restMs: number, signal: AbortSignal): Promise<Dealt> {
    const { timing } = this.#context;
    const askAt = timing.now() + restMs;
    while (!this.#dealt || (this.#dealt === this.#told && timing.now() < askAt)) {
      if (this.#dealt) this.#wakeAt(askAt, signal);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      signal.throwIfAborted();
    }
    return this.#dealt;
  }

  /** A timer that is due too early is let be, for one per change would be many. */
  #wakeAt(time: number, signal: AbortSignal): void {
    const { timing } = this.#context;
    if (this.#timerAt <= time) return;
    this.#timerAt = time;
    const wake = () => {
      if (this.#timerAt === time) this.#timerAt = Infinity;
      this.#wake();
    };
    timing.sleep(Math.max(0, time - timing.now()), signal).then(wake, wake);
  }

  /** @returns How long to rest. */
  async #acknowledge(
    acknowledgements: Acknowledgements,
    dealt: Dealt,
    request: AcknowledgeRequest,
  ): Promise<number> {
    const { timing } = this.#context;
    const timeoutMs = Math.min(LAST_PATIENCE_MS, this.#patienceMs * 2 ** this.#timeouts);
    const sentAt = timing.now();
    const response = await acknowledgements.acknowledge(request, timeoutMs);
    this.#told = dealt;
    this.#timeouts = 0;
    this.#failures = 0;
    const validForMs = readDuration(response.validFor);
    if (response.version) {
      const tradingState = readTradingState(response.tradingState);
      this.#context.answered({ version: response.version, tradingState, validForMs, sentAt });
    }
    if (!(validForMs > 0)) return backoffMs(this.#refusals++, timing, NOT_NOW);
    this.#refusals = 0;
    this.#patienceMs = Math.min(MAX_PATIENCE_MS, Math.max(MIN_PATIENCE_MS, validForMs * RENEW));
    const renewAt = sentAt + validForMs * RENEW * (1 - RENEW_JITTER * timing.random());
    return Math.max(NOT_NOW.firstMs, renewAt - timing.now());
  }

  /** Waits as long as there is no use in asking again, or gives the stream up. @returns How long to rest. */
  async #recover(error: PolicyStoreError, signal: AbortSignal): Promise<number> {
    const { timing, hasOthers, failed, giveUp } = this.#context;
    failed(error);
    const failures = this.#failures;
    this.#failures += 1;
    let isHopeless: boolean;
    if (isLost(error)) {
      if (error.code === 'DEADLINE_EXCEEDED') this.#timeouts += 1;
      if (failures > 0) await timing.sleep(backoffMs(failures - 1, timing, PASSING), signal);
      isHopeless = true;
    } else if (isTransient(error)) {
      await timing.sleep((error.retryAfterMs ?? 0) + backoffMs(failures, timing, PASSING), signal);
      isHopeless = (failures + 1) % TRIES === 0;
    } else {
      await timing.sleep(backoffMs(failures, timing, REFUSED), signal);
      isHopeless = hasOthers;
    }
    if (isHopeless) {
      giveUp(error);
      await timing.sleep(FOREVER_MS, signal);
    }
    this.#told = undefined;
    return 0;
  }

  #request({ watcherId }: WatcherStream, dealt: Dealt | undefined): AcknowledgeRequest {
    return {
      namespace: this.#context.namespace,
      watcherId,
      version: dealt?.version,
      rejection: dealt?.rejection,
      closing: false,
      pendingSequence: dealt?.watcherId === watcherId ? dealt.pendingSequence : 0,
    };
  }
}

/** As long as a timer can. */
const FOREVER_MS = 2 ** 31 - 1;

/** The server knows nothing of this stream, or nothing comes through any more. */
function isLost({ code, reason }: PolicyStoreError): boolean {
  return reason === 'WATCHER_UNKNOWN' || (code === 'DEADLINE_EXCEEDED' && reason === undefined);
}

import { type PolicyClient } from '../client.js';
import { type Decision } from '../decide/decision.js';
import { NO_POLICY, type PolicyView, staleView, viewOf } from '../decide/policy-view.js';
import { authorizeTrade, type Trade } from '../decide/trade.js';
import { PolicyStoreError } from '../errors.js';
import { type LivePolicy } from '../live/live-policy.js';
import { type CallOptions } from '../options.js';
import { type Current } from '../results.js';

/**
 * Sends trades only as the policy allows: on a live policy, or on what a Get answers for each of them.
 *
 * Where a Get fails, the last answer counts, as stale: it denies entries, however young it is, for a stop that reached
 * all servers must hold here too. Before the first one nothing may be entered. So no failure of the network opens a
 * position, or keeps one open.
 */
export class Executor {
  /** The name of its client. */
  static readonly role = 'executor';

  readonly #source: PolicyClient | Pick<LivePolicy, 'current'>;
  #last: Current | undefined;
  #lastError: PolicyStoreError | undefined;

  /** @param source A client: one Get per trade. A live policy: none. */
  constructor(source: PolicyClient | Pick<LivePolicy, 'current'>) {
    this.#source = source;
  }

  /** Why the last Get failed; undefined when it worked, and with a live policy. */
  get lastError(): PolicyStoreError | undefined {
    return this.#lastError;
  }

  /**
   * As `authorizeTrade`, on the policy of now. A cancel is allowed without asking anybody.
   *
   * @param options Of the Get. Its deadline is how long a trade may wait for the policy; default: the client's.
   * @throws The signal's reason after an abort.
   */
  async authorize(trade: Trade, options?: CallOptions): Promise<Decision> {
    if ('current' in this.#source) return authorizeTrade(this.#source.current, trade);
    const unasked = authorizeTrade(this.#held(), trade);
    if (unasked.allowed && trade.kind === 'cancel') return unasked;
    return authorizeTrade(await this.#ask(this.#source, options), trade);
  }

  /** What may be believed without an answer. */
  #held(): PolicyView {
    return this.#last === undefined ? NO_POLICY : staleView(viewOf(this.#last));
  }

  async #ask(client: PolicyClient, options: CallOptions = {}): Promise<PolicyView> {
    const last = this.#last;
    try {
      const answer = await client.get({ ...options, ifVersionNot: last?.version });
      this.#lastError = undefined;
      if (!answer.notModified) return this.#hold(answer);
      if (last === undefined) return NO_POLICY;
      return this.#hold({ ...last, validForMs: answer.validForMs, sentAt: answer.sentAt });
    } catch (error) {
      if (!(error instanceof PolicyStoreError)) throw error;
      this.#lastError = error;
      return this.#held();
    }
  }

  /** Answers may overtake each other: what counts is the newest that has come. */
  #hold(answer: Current): PolicyView {
    if (this.#last === undefined || isNewer(answer, this.#last)) this.#last = answer;
    return viewOf(this.#last);
  }
}

function isNewer(one: Current, other: Current): boolean {
  const isSameEpoch = one.version.epoch === other.version.epoch;
  const further = isSameEpoch ? one.version.revision - other.version.revision : 0;
  return further === 0 ? one.sentAt >= other.sentAt : further > 0;
}

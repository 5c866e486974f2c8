import { PolicyStoreError, type StatusName } from './errors.js';
import { isTransient } from './retry.js';

const OUTCOME_UNKNOWN = 'OUTCOME_UNKNOWN';

/** Without a reason, which every answer of a server has, these say that the transport gave up. */
const LOST: ReadonlySet<StatusName> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'UNKNOWN',
  'INTERNAL',
]);

/** How the transport says that it never sent the request. What it says otherwise leaves that open. */
const NOT_SENT =
  /^(No connection established|Name resolution failed|Request message serialization failure|Channel closed before call started)/;

/** These are about the one server that says them, and not about the write. */
const OF_ONE_SERVER: readonly string[] = ['INTERNAL', 'NAMESPACE_UNKNOWN'];

/**
 * Whether a write may have been committed though none of its tries succeeded: one that was not answered may still
 * be, however late, whatever another server says that did not do it either.
 */
export class Doubt {
  readonly #advice: string;
  #unanswered: PolicyStoreError | undefined;

  /** @param hasId Whether the write has a request id. */
  constructor(hasId: boolean) {
    this.#advice = hasId ? 'retry with the same request id' : 'read what holds before you write again';
  }

  /** Takes note of how one try failed. */
  note(error: unknown): void {
    if (error instanceof PolicyStoreError && isUnanswered(error)) this.#unanswered ??= error;
  }

  /** What the call fails with, given what its last try failed with. */
  judge(last: unknown): unknown {
    const unanswered = this.#unanswered;
    if (!unanswered || !(last instanceof PolicyStoreError)) return last;
    if (isOutcomeUnknown(last) || isRefusal(last)) return last;
    const answer = last === unanswered ? '' : `; the last try: ${last.message}`;
    return new PolicyStoreError(
      'UNAVAILABLE',
      `a try was not answered (${unanswered.message}), so the write may have been committed or may be later; ` +
        `${this.#advice}${answer}`,
      { reason: OUTCOME_UNKNOWN, retryAfterMs: last.retryAfterMs, cause: last },
    );
  }
}

export function isOutcomeUnknown({ reason }: PolicyStoreError): boolean {
  return reason === OUTCOME_UNKNOWN;
}

/**
 * Whether a server decided against the write. That holds for earlier tries too: a server looks for the request id
 * first, and refuses by the newest state of the store, where a try that did land would have been found.
 */
export function isRefusal(error: PolicyStoreError): boolean {
  if (error.reason === undefined || OF_ONE_SERVER.includes(error.reason)) return false;
  return !isTransient(error);
}

function isUnanswered(error: PolicyStoreError): boolean {
  if (error.reason !== undefined) return isOutcomeUnknown(error);
  return LOST.has(error.code) && !NOT_SENT.test(error.message);
}

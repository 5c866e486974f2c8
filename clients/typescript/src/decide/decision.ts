import { type Version } from '../version.js';

/** Why something is not allowed. Codes are stable; messages are for people, and name the value and the limit. */
export type ReasonCode =
  /** Something of it is missing or out of its range, such as NaN or an empty name. */
  | 'INVALID_INPUT'
  /** The policy may no longer be believed, or none has come yet: no entries. */
  | 'POLICY_STALE'
  /** No entries. */
  | 'TRADING_REDUCE_ONLY'
  /** Nothing but cancels. */
  | 'TRADING_HALTED'
  | 'STRATEGY_NOT_ALLOWED'
  | 'SYMBOL_NOT_ALLOWED'
  | 'CONFIDENCE_TOO_LOW'
  | 'RANKING_TOO_LOW'
  /** A least ranking is asked for, and the symbol has none. */
  | 'SYMBOL_NOT_RANKED'
  | 'RISK_TOO_HIGH'
  | 'MAX_POSITIONS_REACHED'
  /** The policy names no version of the model. */
  | 'MODEL_UNKNOWN';

export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
}

/** What a gate answers. */
export interface Decision {
  readonly allowed: boolean;
  /** Everything that speaks against it, in the order of the checks. Empty: it is allowed. */
  readonly reasons: readonly Reason[];
  /** The version of the policy that was decided on. */
  readonly version: Version;
}

/** What speaks against it so far. Nothing is undefined, so that what is allowed allocates nothing. */
export type Found = Reason[] | undefined;

const NOTHING: readonly Reason[] = Object.freeze([]);

export function approve(version: Version): Decision {
  return Object.freeze({ allowed: true, reasons: NOTHING, version });
}

/** What a view answers. Its approval is one object, made once. */
export function decide({ approval }: { readonly approval: Decision }, found: Found): Decision {
  return found === undefined ? approval : { allowed: false, reasons: found, version: approval.version };
}

export function add(found: Found, code: ReasonCode, message: string): Reason[] {
  const reason = { code, message };
  if (found === undefined) return [reason];
  found.push(reason);
  return found;
}

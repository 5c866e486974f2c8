import { type Limits, Override, TradingState } from '@policystore/client/proto';

import { isUnlimited } from './limits.js';
import { completeLimits } from './overrides.js';
import { check, checkCount } from './rules.js';
import { checkRiskMode, checkScalars } from './validate.js';
import { type Finding, report, type Violation } from './violation.js';

/** How many overrides may be in force in a namespace at once: every watch message carries them. */
export const MAX_OVERRIDES = 64;

const MAX_BYTES = 32 * 1024;
const MAX_BLOCKED = 1000;
const MAX_REASON = 1024;
/** Ten years of the calendar have two or three leap days. */
const MAX_TTL_MS = 3653 * 24 * 3600 * 1000;

/** What a caller says of an override. */
export interface OverrideContent {
  /** Empty: the circuit breaker. */
  readonly name: string;
  /** Absent: the circuit breaker's. */
  readonly limits: Limits | undefined;
  readonly reason: string;
  /** Absent: until restored. */
  readonly ttlMs: number | undefined;
}

/** Checks an override by itself. Names to block need not exist. */
export function validateOverride({ name, limits, reason, ttlMs }: OverrideContent): Violation[] {
  const findings = [
    ...checkName(name),
    ...(limits === undefined ? [] : checkLimits(limits)),
    ...checkReason(reason),
    ...(ttlMs === undefined ? [] : checkTtl(ttlMs)),
  ];
  // What is not valid may have no encoding.
  return report(findings.length > 0 ? findings : checkSize(name, limits, reason));
}

/** Checks the name of an override that is to be restored. */
export function validateName(name: string): Violation[] {
  return report(checkName(name));
}

function checkName(name: string): Finding[] {
  return name === '' ? [] : check('key', name, ['name']);
}

function checkLimits(limits: Limits): Finding[] {
  const findings = [
    ...checkTradingState(limits.tradingState),
    ...checkRiskMode(limits.riskMode, ['limits']),
    ...checkScalars(limits, ['limits']),
    ...checkBlocked(limits.blockStrategies, 'block_strategies'),
    ...checkBlocked(limits.blockSymbols, 'block_symbols'),
  ];
  if (findings.length > 0 || !isUnlimited(limits)) return findings;
  const description =
    'must limit something; leave limits out for those of the circuit breaker: REDUCE_ONLY, DEFENSIVE, 3 positions, ' +
    'all strategies blocked';
  return [{ path: ['limits'], description }];
}

function checkTradingState(state: TradingState): Finding[] {
  if (state in TradingState) return [];
  const description = `must be one of HALTED, REDUCE_ONLY, ACTIVE, got ${String(state)}`;
  return [{ path: ['limits', 'trading_state'], description }];
}

function checkBlocked(names: readonly string[], field: string): Finding[] {
  const path = ['limits', field];
  const tooMany = checkCount(names, path, MAX_BLOCKED);
  return tooMany.length > 0 ? tooMany : names.flatMap((name, i) => check('name', name, [...path, i]));
}

function checkReason(reason: string): Finding[] {
  const path = ['reason'];
  if (!/[^\s\p{C}]/u.test(reason)) return [{ path, description: 'is required: say why' }];
  if (reason.length > MAX_REASON) {
    return [{ path, description: `must have at most ${MAX_REASON} characters, has ${reason.length}` }];
  }
  return check('text', reason, path);
}

function checkTtl(ms: number): Finding[] {
  if (ms > 0 && ms <= MAX_TTL_MS) return [];
  const description =
    `must be above 0 and at most ten years, got ${ms / 1000} s; ` +
    'leave it out to keep the override in force until it is restored';
  return [{ path: ['ttl'], description }];
}

/** What the server adds, the actor and two timestamps, is small. */
function checkSize(name: string, limits: Limits | undefined, reason: string): Finding[] {
  const override = { ...Override.create(), name, limits: completeLimits(limits), reason };
  const size = Override.encode(override).finish().length;
  if (size <= MAX_BYTES) return [];
  const description = `an override must be at most 32 KiB encoded, got ${size} bytes: block fewer names in one`;
  return [{ path: ['limits'], description }];
}

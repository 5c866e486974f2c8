import { writeDuration } from './duration.js';
import { namesOf } from './enums.js';
import { checkFits, isInt32, scalarChecks, type ScalarInput } from './fits.js';
import { checkNames, readNames } from './names.js';
import { type WaitFor } from './options.js';
import { type Limits, type OverrideRequest, RiskMode, TradingState } from './proto.js';
import { readOverrideName } from './read-options.js';

/**
 * What an override imposes: the effective value of a field is the stricter one of base and limit. What is not given
 * does not limit.
 */
export interface LimitsInput extends ScalarInput {
  readonly tradingState?: TradingState | undefined;
  /** No strategy may open positions. */
  readonly blockAllStrategies?: boolean | undefined;
  /** Names that nobody uses are kept: they may appear later. */
  readonly blockStrategies?: readonly string[] | undefined;
  /** As blockStrategies. */
  readonly blockSymbols?: readonly string[] | undefined;
}

export interface OverrideInput {
  /** What it is restored by; giving it again may only tighten it. Default: the circuit breaker. */
  readonly name?: string | undefined;
  /**
   * Default: the circuit breaker's, which are REDUCE_ONLY, DEFENSIVE, 3 positions, all strategies blocked, and whatever is
   * stricter in force under the name.
   */
  readonly limits?: LimitsInput | undefined;
  /** Recorded. Never empty, at most 1,024 characters. */
  readonly reason: string;
  /** After how many milliseconds it ends by itself, at most ten years. Default: never. */
  readonly ttlMs?: number | undefined;
  /** Wait, once it is in force, until it has been applied: the result then has a `receipt`. Default: do not wait. */
  readonly waitApplied?: WaitFor | undefined;
}

type Written = Pick<OverrideRequest, 'name' | 'limits' | 'reason' | 'ttl'>;

/** @throws TypeError for what the types forbid, PolicyStoreError where the wire has no room for a value. */
export function writeOverride(input: OverrideInput): Written {
  checkNames('the override', 'field', input, ['name', 'limits', 'reason', 'ttlMs', 'waitApplied']);
  const { name, limits, reason, ttlMs } = input;
  if (typeof reason !== 'string') throw new TypeError('an override needs a reason, as a text');
  if (limits !== undefined) checkNames('limits', 'field', limits, LIMITS);
  checkFits([
    ...scalarChecks(limits ?? {}, 'limits.'),
    {
      field: 'limits.trading_state',
      value: limits?.tradingState,
      fits: isInt32,
      description: `must be one of ${namesOf('TradingState', TradingState)}`,
    },
    { field: 'ttl', value: ttlMs, fits: isDuration, description: 'must be a number of milliseconds' },
  ]);
  return {
    name: readOverrideName(name),
    limits: limits && writeLimits(limits),
    reason,
    ttl: ttlMs === undefined ? undefined : writeDuration(ttlMs),
  };
}

const LIMITS = [
  'tradingState',
  'riskMode',
  'maxRiskPerTrade',
  'maxPositions',
  'globalMinConfidence',
  'blockAllStrategies',
  'blockStrategies',
  'blockSymbols',
] satisfies (keyof LimitsInput)[];

function writeLimits(input: LimitsInput): Limits {
  return {
    tradingState: input.tradingState ?? TradingState.UNSPECIFIED,
    riskMode: input.riskMode ?? RiskMode.UNSPECIFIED,
    maxRiskPerTrade: input.maxRiskPerTrade,
    maxPositions: input.maxPositions,
    globalMinConfidence: input.globalMinConfidence,
    blockAllStrategies: readSwitch(input.blockAllStrategies ?? false),
    blockStrategies: readNames('blockStrategies', input.blockStrategies),
    blockSymbols: readNames('blockSymbols', input.blockSymbols),
  };
}

function readSwitch(blockAll: unknown): boolean {
  if (typeof blockAll !== 'boolean') throw new TypeError('blockAllStrategies must be true or false');
  return blockAll;
}

function isDuration(ms: unknown): boolean {
  return typeof ms === 'number' && Math.abs(ms) <= Number.MAX_SAFE_INTEGER;
}

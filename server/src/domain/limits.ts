import { Limits, RiskMode, TradingState } from '@policystore/client/proto';

import { FIELDS, type FieldName } from './policy.js';
import schema from './policy.schema.json' with { type: 'json' };
import { higher, knownMode, knownState, lower } from './tighten.js';

/** Limits that are as strict as both. */
export function joinLimits(a: Limits, b: Limits): Limits {
  const joined = { ...a };
  for (const limit of LIMITS) limit.join(joined, b);
  return joined;
}

/** The limits of which `newer` lets pass what `older` did not, by their names in the contract. */
export function looserLimits(older: Limits, newer: Limits): string[] {
  return LIMITS.filter((limit) => limit.isLooser(newer, older)).map(({ name }) => name);
}

/** The fields of the policy that these limits can change. */
export function limitedFields(limits: Limits): FieldName[] {
  const limited = new Set(LIMITS.filter((limit) => limit.isSet(limits)).map(({ field }) => field));
  return FIELDS.filter((field) => limited.has(field));
}

/** Whether the limits restrict nothing: none is given, or only such as every policy keeps. */
export function isUnlimited(limits: Limits): boolean {
  return !LIMITS.some((limit) => limit.isSet(limits));
}

/** One member of Limits. */
interface Limit {
  readonly name: string;
  /** What it limits; undefined: the trading state. */
  readonly field: FieldName | undefined;
  isSet(limits: Limits): boolean;
  /** Whether `a` lets pass what `b` does not. */
  isLooser(a: Limits, b: Limits): boolean;
  /** The stricter of both, put into `a`. */
  join(a: Limits, b: Limits): void;
}

type Scalar = 'tradingState' | 'riskMode' | 'maxRiskPerTrade' | 'maxPositions' | 'globalMinConfidence';
type Names = 'blockStrategies' | 'blockSymbols';

/** @param loosest The value that limits as little as none. */
function scalarLimit<P extends Scalar>(
  property: P,
  name: FieldName | 'trading_state',
  loosest: NonNullable<Limits[P]>,
  stricter: (a: NonNullable<Limits[P]>, b: NonNullable<Limits[P]>) => NonNullable<Limits[P]>,
): Limit {
  const absent = NO_LIMITS[property];
  const effect = (limits: Limits): NonNullable<Limits[P]> => {
    const value = limits[property];
    return value === absent ? loosest : stricter(loosest, value ?? loosest);
  };
  const isLooser = (a: Limits, b: Limits): boolean => stricter(effect(a), effect(b)) !== effect(a);
  return {
    name,
    field: name === 'trading_state' ? undefined : name,
    isSet: (limits) => effect(limits) !== loosest,
    isLooser,
    join(a, b) {
      if (isLooser(a, b) || a[property] === absent) a[property] = b[property];
    },
  };
}

function namesLimit(
  property: Names,
  name: string,
  field: FieldName,
  blocksAll: (limits: Limits) => boolean,
): Limit {
  return {
    name,
    field,
    isSet: (limits) => limits[property].length > 0,
    isLooser(a, b) {
      if (blocksAll(a)) return false;
      const blocked = new Set(a[property]);
      return b[property].some((each) => !blocked.has(each));
    },
    join(a, b) {
      a[property] = [...new Set([...a[property], ...b[property]])];
    },
  };
}

const NO_LIMITS = Limits.create();
const { max_risk_per_trade, max_positions, global_min_confidence } = schema.properties;

const LIMITS: readonly Limit[] = [
  scalarLimit('tradingState', 'trading_state', TradingState.ACTIVE, (a, b) => lower(a, knownState(b))),
  scalarLimit('riskMode', 'risk_mode', RiskMode.AGGRESSIVE, (a, b) => lower(a, knownMode(b))),
  scalarLimit('maxRiskPerTrade', 'max_risk_per_trade', max_risk_per_trade.maximum, lower),
  scalarLimit('maxPositions', 'max_positions', max_positions.maximum, lower),
  scalarLimit('globalMinConfidence', 'global_min_confidence', global_min_confidence.minimum, higher),
  {
    name: 'block_all_strategies',
    field: 'allowed_strategies',
    isSet: (limits) => limits.blockAllStrategies,
    isLooser: (a, b) => b.blockAllStrategies && !a.blockAllStrategies,
    join(a, b) {
      a.blockAllStrategies ||= b.blockAllStrategies;
    },
  },
  namesLimit(
    'blockStrategies',
    'block_strategies',
    'allowed_strategies',
    (limits) => limits.blockAllStrategies,
  ),
  namesLimit('blockSymbols', 'block_symbols', 'allowed_symbols', () => false),
];

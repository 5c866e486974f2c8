import { checkNames } from '../names.js';
import { type OverrideOptions } from '../options.js';
import { type LimitsInput } from '../override-input.js';
import { RiskMode, TradingState } from '../proto.js';
import { readCount, readNumber } from './settings.js';

/** What the server's circuit breaker imposes. */
export const BREAKER: LimitsInput = {
  tradingState: TradingState.REDUCE_ONLY,
  riskMode: RiskMode.DEFENSIVE,
  maxPositions: 3,
  blockAllStrategies: true,
};

export interface SafetyGovernorOptions {
  /** The drawdown that trips, as a share of the highest equity, in (0, 1]. Reaching it is enough. Default 0.04. */
  readonly maxDrawdown?: number | undefined;
  /** Restored once the drawdown is below this, in (0, maxDrawdown]. Default: half of maxDrawdown. */
  readonly restoreBelow?: number | undefined;
  /** And stays there for so many observations in a row, from 1. Default 10. `never`: only by hand. */
  readonly restoreAfter?: number | 'never' | undefined;
  /**
   * What its override is called. It is its own: what operators impose under other names, such as `circuit-breaker`,
   * it never touches. Default `safety-governor`.
   */
  readonly overrideName?: string | undefined;
  /** What it imposes. Default `BREAKER`. */
  readonly limits?: LimitsInput | undefined;
  /** How each override is sent, such as whether to wait until it is applied. */
  readonly override?: Omit<OverrideOptions, 'requestId'> | undefined;
}

/** As the governor goes by them. */
export interface SafetySettings {
  readonly maxDrawdown: number;
  readonly restoreBelow: number;
  /** Infinity: only by hand. */
  readonly restoreAfter: number;
  readonly overrideName: string;
  readonly limits: LimitsInput;
  readonly overrideOptions: Omit<OverrideOptions, 'requestId'>;
}

/** @throws RangeError or TypeError for an option that cannot be used. */
export function readSettings(options: SafetyGovernorOptions): SafetySettings {
  checkNames('SafetyGovernor', 'option', options, OPTIONS);
  const maxDrawdown = readNumber('maxDrawdown', options.maxDrawdown ?? 0.04, Number.MIN_VALUE, 1);
  const { restoreBelow = maxDrawdown / 2, restoreAfter = 10 } = options;
  return {
    maxDrawdown,
    restoreBelow: readNumber('restoreBelow', restoreBelow, Number.MIN_VALUE, maxDrawdown),
    restoreAfter: restoreAfter === 'never' ? Infinity : readCount('restoreAfter', restoreAfter, 1),
    overrideName: options.overrideName ?? 'safety-governor',
    limits: options.limits ?? BREAKER,
    overrideOptions: options.override ?? {},
  };
}

const OPTIONS = [
  'maxDrawdown',
  'restoreBelow',
  'restoreAfter',
  'overrideName',
  'limits',
  'override',
] satisfies (keyof SafetyGovernorOptions)[];

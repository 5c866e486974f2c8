import { randomUUID } from 'node:crypto';

import { type PolicyClient } from '../client.js';
import { PolicyStoreError } from '../errors.js';
import { checkNames } from '../names.js';
import { type OverrideOptions } from '../options.js';
import { type OverrideResult } from '../override.js';
import { type LimitsInput } from '../override-input.js';
import { RiskMode, TradingState } from '../proto.js';
import { type RestoreResult } from '../results.js';
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

/** What an observation came to. */
export interface SafetyReport {
  /** Whether its override is in force, or may be. */
  readonly tripped: boolean;
  /** The share of the highest equity that is lost, from 0. */
  readonly drawdown: number;
  /** The highest equity since the start, or since the last restore by hand. */
  readonly peak: number;
  /** Set where this observation tripped. */
  readonly trip: OverrideResult | undefined;
  /** Set where this observation restored. */
  readonly restore: RestoreResult | undefined;
}

/** `sent`: it may be in force. `pending`: in force on some servers. `committed`: in force on all. */
type TripState = 'sent' | 'pending' | 'committed';

interface Trip {
  /** The same until it is committed, so that this happens once. */
  readonly requestId: string;
  state: TripState;
}

/**
 * Stops entries when too much was lost since the highest equity, and lets them again when it was won back. One stop per
 * drawdown: it is sent again only until a server has it.
 *
 * Who restores its override by hand, with any client, tells it to go on: the drawdown then counts from the equity of that
 * time. A governor that is started while its override is in force takes it up.
 */
export class SafetyGovernor {
  /** The name of its client, under which the server lets it override. */
  static readonly role = 'safety_governor';

  readonly #client: PolicyClient;
  readonly #maxDrawdown: number;
  readonly #restoreBelow: number;
  readonly #restoreAfter: number;
  readonly #name: string;
  readonly #limits: LimitsInput;
  readonly #overrideOptions: Omit<OverrideOptions, 'requestId'>;

  #peak = 0;
  /** Observations in a row that would let it restore. */
  #calm = 0;
  #trip: Trip | undefined;
  /** Whether what a governor before this one left in force was looked for. */
  #isInformed = false;
  #busy: Promise<unknown> = Promise.resolve();

  /** @throws RangeError or TypeError for an option that cannot be used. */
  constructor(client: PolicyClient, options: SafetyGovernorOptions = {}) {
    checkNames('SafetyGovernor', 'option', options, OPTIONS);
    const { maxDrawdown = 0.04, restoreAfter = 10 } = options;
    this.#client = client;
    this.#maxDrawdown = readNumber('maxDrawdown', maxDrawdown, Number.MIN_VALUE, 1);
    const restoreBelow = options.restoreBelow ?? maxDrawdown / 2;
    this.#restoreBelow = readNumber('restoreBelow', restoreBelow, Number.MIN_VALUE, maxDrawdown);
    this.#restoreAfter = restoreAfter === 'never' ? Infinity : readCount('restoreAfter', restoreAfter, 1);
    this.#name = options.overrideName ?? 'safety-governor';
    this.#limits = options.limits ?? BREAKER;
    this.#overrideOptions = options.override ?? {};
  }

  /**
   * Takes the equity of now, in any currency, from 0. One observation is dealt with after the other.
   *
   * @throws RangeError for an equity that is none. Rejects as PolicyClient; the next observation tries again.
   */
  async observe(equity: number): Promise<SafetyReport> {
    readNumber('equity', equity, 0, Number.MAX_VALUE);
    return this.#inTurn(() => this.#observe(equity));
  }

  /**
   * Restores by hand: ends its override, whatever the drawdown, and counts the next drawdown from the next equity.
   *
   * @returns Undefined where its override was not in force. Rejects as PolicyClient.
   */
  restore(reason: string): Promise<RestoreResult | undefined> {
    return this.#inTurn(async () => {
      const result = await this.#restore(reason);
      this.#peak = 0;
      return result;
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async #observe(equity: number): Promise<SafetyReport> {
    this.#peak = Math.max(this.#peak, equity);
    const isTooMuch = this.#drawdown(equity) >= this.#maxDrawdown;
    // A stop does not wait for a read.
    if (isTooMuch && (this.#trip === undefined || this.#trip.state === 'sent')) {
      return this.#report(equity, { trip: await this.#send(equity) });
    }
    if (this.#trip !== undefined || !this.#isInformed) {
      const isInForce = await this.#look();
      if (!isInForce && this.#trip?.state === 'pending') {
        return this.#report(equity, { trip: await this.#send(equity) });
      }
      if (!isInForce && this.#trip?.state === 'committed') this.#goOn(equity);
    }
    if (this.#trip === undefined || this.#trip.state === 'sent') return this.#report(equity);
    this.#calm = this.#drawdown(equity) < this.#restoreBelow ? this.#calm + 1 : 0;
    if (this.#calm < this.#restoreAfter) return this.#report(equity);
    const reason = `drawdown below ${percent(this.#restoreBelow)} for ${this.#calm} observations`;
    return this.#report(equity, { restore: await this.#restore(reason) });
  }

  async #send(equity: number): Promise<OverrideResult> {
    const trip = (this.#trip ??= { requestId: randomUUID(), state: 'sent' });
    const drawdown = percent(this.#drawdown(equity));
    const reason = `drawdown ${drawdown} from ${this.#peak} to ${equity}, at most ${percent(this.#maxDrawdown)}`;
    const result = await this.#client.override(
      { name: this.#name, limits: this.#limits, reason },
      { ...this.#overrideOptions, requestId: trip.requestId },
    );
    if (result.override === undefined) this.#goOn(equity);
    else trip.state = result.pending ? 'pending' : 'committed';
    return result;
  }

  /** Whether its override is in force on the server that is asked. */
  async #look(): Promise<boolean> {
    const { policy } = await this.#client.get();
    const override = policy.overrides.find(({ name }) => name === this.#name);
    this.#isInformed = true;
    if (override === undefined) return false;
    this.#trip ??= { requestId: randomUUID(), state: 'sent' };
    this.#trip.state = override.pending ? 'pending' : 'committed';
    return true;
  }

  /** Somebody restored it by hand. */
  #goOn(equity: number): void {
    this.#trip = undefined;
    this.#calm = 0;
    this.#peak = equity;
  }

  async #restore(reason: string): Promise<RestoreResult | undefined> {
    let result: RestoreResult | undefined;
    try {
      result = await this.#client.restore(this.#name, { reason });
    } catch (error) {
      if (!(error instanceof PolicyStoreError) || error.reason !== 'OVERRIDE_UNKNOWN') throw error;
    }
    this.#trip = undefined;
    this.#calm = 0;
    return result;
  }

  #drawdown(equity: number): number {
    return this.#peak > 0 ? (this.#peak - equity) / this.#peak : 0;
  }

  #report(equity: number, done: Partial<Pick<SafetyReport, 'trip' | 'restore'>> = {}): SafetyReport {
    return {
      tripped: this.#trip !== undefined,
      drawdown: this.#drawdown(equity),
      peak: this.#peak,
      trip: done.trip,
      restore: done.restore,
    };
  }
}

const OPTIONS = [
  'maxDrawdown',
  'restoreBelow',
  'restoreAfter',
  'overrideName',
  'limits',
  'override',
] satisfies (keyof SafetyGovernorOptions)[];

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

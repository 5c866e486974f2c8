import { randomUUID } from 'node:crypto';

import { type PolicyClient } from '../client.js';
import { PolicyStoreError } from '../errors.js';
import { type OverrideResult } from '../override.js';
import { type RestoreResult } from '../results.js';
import { readSettings, type SafetyGovernorOptions, type SafetySettings } from './safety-settings.js';
import { readNumber } from './settings.js';
import { adopt, found, type Trip } from './trip.js';

/** What an observation came to. */
export interface SafetyReport {
  /** Whether its override is in force, or may be. One that was not answered and is not found later is not counted. */
  readonly tripped: boolean;
  /** The share of the highest equity that is lost, from 0. */
  readonly drawdown: number;
  /** The highest equity since the start, or since the last restore by hand. */
  readonly peak: number;
  /** Set where this observation tripped, or sent a stop again that was lost. */
  readonly trip: OverrideResult | undefined;
  /** Set where this observation restored. */
  readonly restore: RestoreResult | undefined;
}

/**
 * Stops entries when too much was lost since the highest equity, and lets them again when it was won back. One stop per
 * drawdown: it is sent again only until a server has it, and where the store has lost it.
 *
 * Who restores its override by hand, with any client, tells it to go on: the drawdown then counts from the equity of that
 * time. What is in force under the name and is not its own, such as the stop of a governor before it, it takes up, and
 * leaves to be restored by hand: it does not know how much was lost by then.
 */
export class SafetyGovernor {
  /** The name of its client, under which the server lets it override. */
  static readonly role = 'safety_governor';

  readonly #client: PolicyClient;
  readonly #settings: SafetySettings;

  #peak = 0;
  /** Observations in a row that would let it restore. */
  #calm = 0;
  #trip: Trip | undefined;
  /** Whether what a governor before this one left in force was looked for. */
  #isInformed = false;
  /** Whether one that it sent, and knows nothing of, may still come into force. */
  #mayComeLate = false;
  #busy: Promise<unknown> = Promise.resolve();

  /** @throws RangeError or TypeError for an option that cannot be used. */
  constructor(client: PolicyClient, options: SafetyGovernorOptions = {}) {
    this.#client = client;
    this.#settings = readSettings(options);
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
    const isTooMuch = this.#drawdown(equity) >= this.#settings.maxDrawdown;
    // A stop does not wait for a read.
    if (isTooMuch && !this.#isInForce()) {
      return this.#report(equity, { trip: await this.#send(this.#stop(equity), equity) });
    }
    if (this.#trip !== undefined || !this.#isInformed || this.#mayComeLate) {
      const trip = await this.#look(equity);
      if (trip !== undefined) return this.#report(equity, { trip });
    }
    if (!this.#isInForce() || !this.#trip?.isOwn) return this.#report(equity);
    this.#calm = this.#drawdown(equity) < this.#settings.restoreBelow ? this.#calm + 1 : 0;
    if (this.#calm < this.#settings.restoreAfter) return this.#report(equity);
    const reason = `drawdown below ${percent(this.#settings.restoreBelow)} for ${this.#calm} observations`;
    return this.#report(equity, { restore: await this.#restore(reason) });
  }

  #isInForce(): boolean {
    return this.#trip?.state === 'pending' || this.#trip?.state === 'committed';
  }

  /** The trip of the drawdown of now: the one that was sent for it already, or else a new one. */
  #stop(equity: number): Trip {
    if (this.#trip?.state === 'sent') return this.#trip;
    // That one was not answered, and is not found. A new one must not be taken for it.
    this.#mayComeLate ||= this.#trip?.state === 'missing';
    const drawdown = percent(this.#drawdown(equity));
    const reason = `drawdown ${drawdown} from ${this.#peak} to ${equity}, at most ${percent(this.#settings.maxDrawdown)}`;
    this.#trip = { requestId: randomUUID(), reason, state: 'sent', epoch: '', isOwn: true };
    return this.#trip;
  }

  async #send(trip: Trip, equity: number): Promise<OverrideResult> {
    const { requestId, reason } = trip;
    const result = await this.#client.override(
      { name: this.#settings.overrideName, limits: this.#settings.limits, reason },
      { ...this.#settings.overrideOptions, requestId },
    );
    if (result.override === undefined) this.#goOn(equity);
    else found(trip, result.override, result.version);
    return result;
  }

  /**
   * Looks whether its override is in force on the server that is asked, and sends again what must be and is not.
   *
   * @returns What came of sending; undefined where there was nothing to send.
   */
  async #look(equity: number): Promise<OverrideResult | undefined> {
    const { policy, version } = await this.#client.get();
    this.#isInformed = true;
    const override = policy.overrides.find(({ name }) => name === this.#settings.overrideName);
    if (override !== undefined) {
      this.#trip ??= adopt(override);
      found(this.#trip, override, version);
      return undefined;
    }
    const trip = this.#trip;
    if (trip?.state === 'sent') trip.state = 'missing';
    if (trip?.state === 'committed') {
      if (trip.epoch === version.epoch) {
        this.#goOn(equity);
        return undefined;
      }
      // The store lost it. Under the old id it could be taken for one that was restored.
      trip.requestId = randomUUID();
      trip.state = 'pending';
    }
    return trip?.state === 'pending' ? this.#send(trip, equity) : undefined;
  }

  /** Somebody restored it by hand. */
  #goOn(equity: number): void {
    this.#end();
    this.#peak = equity;
  }

  #end(): void {
    this.#trip = undefined;
    this.#calm = 0;
  }

  async #restore(reason: string): Promise<RestoreResult | undefined> {
    let result: RestoreResult | undefined;
    try {
      result = await this.#client.restore(this.#settings.overrideName, { reason });
    } catch (error) {
      if (!(error instanceof PolicyStoreError) || error.reason !== 'OVERRIDE_UNKNOWN') throw error;
    }
    this.#mayComeLate ||= this.#trip !== undefined && !this.#isInForce();
    this.#end();
    return result;
  }

  #drawdown(equity: number): number {
    return this.#peak > 0 ? (this.#peak - equity) / this.#peak : 0;
  }

  #report(equity: number, done: Partial<Pick<SafetyReport, 'trip' | 'restore'>> = {}): SafetyReport {
    return {
      tripped: this.#trip !== undefined && this.#trip.state !== 'missing',
      drawdown: this.#drawdown(equity),
      peak: this.#peak,
      trip: done.trip,
      restore: done.restore,
    };
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

import { type PolicyClient } from '../client.js';
import { checkNames } from '../names.js';
import { type CallOptions } from '../options.js';
import { type WriteResult } from '../results.js';
import { revise } from './revise.js';
import { readCount, readNumber } from './settings.js';

export interface ContinuousLearningManagerOptions {
  /** By how much the shadow metric must be better at least, in the metric's own unit, from 0. Default 0.01. */
  readonly margin?: number | undefined;
  /** How many samples both metrics must be of at least, from 1. Default 100. */
  readonly minSamples?: number | undefined;
}

/** How a candidate that runs in the shadow did beside the model in production, on the same samples. */
export interface ShadowResult {
  /** The model. */
  readonly model: string;
  /** The version that runs in the shadow. */
  readonly candidate: string;
  /** Of the candidate. More is better. */
  readonly shadowMetric: number;
  /** Of the version in production. */
  readonly productionMetric: number;
  /** How many samples both are of. */
  readonly samples: number;
}

/** Puts a model into production when it did better in the shadow. */
export class ContinuousLearningManager {
  /** The name of its client, under which the server lets it write its field. */
  static readonly role = 'continuous_learning';

  readonly #client: PolicyClient;
  readonly #margin: number;
  readonly #minSamples: number;

  /** @throws RangeError for an option that cannot be used. */
  constructor(client: PolicyClient, options: ContinuousLearningManagerOptions = {}) {
    checkNames('ContinuousLearningManager', 'option', options, ['margin', 'minSamples']);
    this.#client = client;
    this.#margin = readNumber('margin', options.margin ?? 0.01, 0, Number.MAX_VALUE);
    this.#minSamples = readCount('minSamples', options.minSamples ?? 100, 1);
  }

  /** Whether the candidate wins: over enough samples, better by the margin at least, and better at all. */
  wins({ shadowMetric, productionMetric, samples }: Omit<ShadowResult, 'model' | 'candidate'>): boolean {
    readNumber('shadowMetric', shadowMetric, -Number.MAX_VALUE, Number.MAX_VALUE);
    readNumber('productionMetric', productionMetric, -Number.MAX_VALUE, Number.MAX_VALUE);
    readCount('samples', samples, 0);
    if (samples < this.#minSamples || shadowMetric <= productionMetric) return false;
    return shadowMetric >= productionMetric + this.#margin;
  }

  /**
   * Promotes the candidate where it wins; the other models stay.
   *
   * @returns Undefined where it does not win, or is in production already.
   * @throws RangeError for a metric or a count that is none. Rejects as PolicyClient.
   */
  async observe(result: ShadowResult, options?: CallOptions): Promise<WriteResult | undefined> {
    if (!this.wins(result)) return undefined;
    const { model, candidate, shadowMetric, productionMetric, samples } = result;
    return revise(
      this.#client,
      ({ modelVersions }) => {
        const before = modelVersions.get(model);
        if (before === candidate) return undefined;
        const reason = `${model} ${candidate} has ${shadowMetric} and ${before ?? 'none'} ${productionMetric} over ${samples} samples`;
        return { patch: { modelVersions: { put: new Map([[model, candidate]]) } }, reason };
      },
      options,
    );
  }
}

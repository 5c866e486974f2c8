import { type Calls } from '../calls.js';
import { type Route } from '../channels.js';
import { writeDuration } from '../duration.js';
import { PolicyStoreError } from '../errors.js';
import { checkNames } from '../names.js';
import { type CallOptions, OPTIONS, type Selection, type WaitFor } from '../options.js';
import { type ListWatchersResponse, type WaitAppliedResponse } from '../proto.js';
import { readSelection, readTimeout } from '../read-options.js';
import { type Timing } from '../timing.js';
import { type Version } from '../version.js';
import { readFleet, readReceipt } from './read-fleet.js';
import { type Fleet, type Receipt } from './receipt.js';

/** One call waits no longer, so that an address that swallows packets is soon left for another one. */
const CALL_MS = 5_000;

/** How long an answer may take beside the waiting. */
const GRACE_MS = 2_000;

export interface FleetContext {
  readonly namespace: string;
  readonly calls: Calls;
  readonly timing: Timing;
}

/** Who runs what; see PolicyClient.fleet. */
export class FleetClient {
  readonly #context: FleetContext;

  constructor(context: FleetContext) {
    this.#context = context;
  }

  /** Every watcher and every replica that is there, or was lost and may still act. */
  async list(selection: Selection = {}, options: CallOptions = {}): Promise<Fleet> {
    checkNames('list', 'option', selection, OPTIONS.selection);
    checkNames('list', 'option', options, OPTIONS.call);
    const { calls, namespace } = this.#context;
    const request = { namespace, selector: readSelection(selection) };
    const response = await calls.anywhere<ListWatchersResponse>(
      options,
      calls.deadline(options),
      'read',
      (channel, ...call) => channel.fleet.listWatchers(request, ...call),
    );
    if (!response.version) throw new PolicyStoreError('INTERNAL', 'the server answered without a version');
    return readFleet(response, response.version);
  }

  /** Resolves with a receipt at the latest when the time is over. @param route Whom to ask. Default: any address. */
  async waitApplied(
    version: Version,
    options: WaitFor,
    signal: AbortSignal | undefined,
    route?: Route,
  ): Promise<Receipt> {
    const { calls, namespace, timing } = this.#context;
    const selector = readSelection(options);
    const until = timing.now() + readTimeout(options.timeoutMs);
    for (;;) {
      const askedAt = timing.now();
      const waitMs = Math.min(CALL_MS, Math.max(0, until - askedAt));
      // Of several addresses one gets half of the time.
      const deadline = askedAt + 2 * (waitMs + GRACE_MS);
      const response = await calls.anywhere<WaitAppliedResponse>(
        { signal },
        deadline,
        'read',
        (channel, ...call) => {
          const timeout = writeDuration(Math.min(waitMs, Math.max(0, until - timing.now())));
          return channel.fleet.waitApplied({ namespace, version, selector, timeout }, ...call);
        },
        route,
      );
      const now = timing.now();
      const isDecided = response.appliedEverywhere || now - askedAt < 0.9 * waitMs;
      if (isDecided || now >= until) return readReceipt(response, version);
    }
  }
}

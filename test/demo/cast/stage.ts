import { type ClientOptions, type LivePolicy, PolicyClient } from '@policystore/client';

import type { Book } from '../market/book.js';
import type { Market } from '../market/market.js';
import type { Recorder } from '../recorder.js';

/** Servers that have just started may take their time. */
const READY_MS = 20_000;

/** What everybody of a day works with. */
export class Stage {
  readonly #clients: PolicyClient[] = [];

  constructor(
    readonly addresses: readonly string[],
    readonly namespace: string,
    readonly market: Market,
    readonly book: Book,
    readonly recorder: Recorder,
    /** How long a minute of the day takes. */
    readonly minuteMs: number,
  ) {}

  /** Turn by turn over the replicas: each client begins with another one, and knows all. */
  connect(role: string): PolicyClient;
  connect<C extends PolicyClient>(role: string, type: new (options: ClientOptions) => C): C;
  connect(role: string, type: new (options: ClientOptions) => PolicyClient = PolicyClient): PolicyClient {
    const turn = this.#clients.length % this.addresses.length;
    const addresses = [...this.addresses.slice(turn), ...this.addresses.slice(0, turn)];
    const client = new type({ addresses, namespace: this.namespace, name: role });
    this.#clients.push(client);
    return client;
  }

  /** Holds the policy live, and has recorded what it is told of. */
  async listen(client: PolicyClient, instance: string): Promise<LivePolicy> {
    const live = client.live({ instance });
    this.recorder.listen(instance, live);
    await live.ready({ deadlineMs: READY_MS });
    return live;
  }

  /** Everybody leaves in order, so that nobody counts as lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client[Symbol.asyncDispose]()));
  }
}

import { type ClientOptions, type LivePolicy, PolicyClient } from '@policystore/client';

import type { Book } from '../market/book.js';
import type { Market } from '../market/market.js';
import type { Credentials, Identities } from '../identities.js';
import type { Recorder } from '../recorder.js';
import type { Servers } from '../servers.js';

/** Servers that have just started may take their time. */
const READY_MS = 20_000;

/** What everybody of a day works with. */
export class Stage {
  readonly #clients: PolicyClient[] = [];

  constructor(
    readonly servers: Pick<Servers, 'addresses' | 'httpAddresses' | 'serverLog'>,
    readonly identities: Identities,
    readonly namespace: string,
    readonly market: Market,
    readonly book: Book,
    readonly recorder: Recorder,
    /** How long a minute of the day takes. */
    readonly minuteMs: number,
  ) {}

  /** A client of who is called so. @param credentials Default: its own. */
  connect(name: string, credentials: Credentials = this.identities.of(name)): PolicyClient {
    return this.open(name, PolicyClient, credentials);
  }

  /** Turn by turn over the replicas: each client begins with another one, and knows all. */
  open<C extends PolicyClient>(
    name: string,
    type: new (options: ClientOptions) => C,
    credentials: Credentials = this.identities.of(name),
  ): C {
    const all = this.servers.addresses;
    const turn = this.#clients.length % all.length;
    const addresses = [...all.slice(turn), ...all.slice(0, turn)];
    const client = new type({ addresses, namespace: this.namespace, name, ...credentials });
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

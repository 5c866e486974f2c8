import { FleetServiceClient, HistoryServiceClient, PolicyServiceClient } from './proto.js';
import { NO_SECURITY, type Security } from './security.js';

const CHANNEL_OPTIONS = {
  // notices a peer that vanished without a word
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // the defaults grow to two minutes, during which every call fails at once
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // a revision with the change that made it can be several times as large as a policy
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  // closing the client closes its connections
  'grpc.use_local_subchannel_pool': 1,
  // retry.ts is the only place that retries
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
};

/** The services at one address, over one connection. */
interface Stubs {
  readonly policy: PolicyServiceClient;
  readonly history: HistoryServiceClient;
  readonly fleet: FleetServiceClient;
}

/** A connection to one address. */
export interface Channel extends Stubs {
  /** `host:port`. */
  readonly address: string;
  /** The address did not do: from now on the next one is used, unless somebody has moved on already. */
  leave(): void;
  /**
   * The connection did not do: the next use of the address makes a new one. What is under way on this one may end; what
   * waits for it fails.
   */
  renew(): void;
}

/** Which address to use, for those who stay with one as long as it works. */
export interface Route {
  /** How many addresses there are. */
  readonly size: number;
  use(): Channel;
}

/** Where a route is, and how it goes on. */
interface Cursor {
  index: number;
  readonly next: (index: number) => number;
}

/** One channel per address, opened when first needed. Calls use one address as long as it works. */
export class Channels implements Route {
  readonly #addresses: readonly string[];
  readonly #security: Security;
  readonly #stubs = new Map<number, Stubs>();
  readonly #cursor: Cursor = { index: 0, next: (index) => index + 1 };

  constructor(addresses: readonly string[], security = NO_SECURITY) {
    this.#addresses = addresses;
    this.#security = security;
  }

  get size(): number {
    return this.#addresses.length;
  }

  use(): Channel {
    return this.#channel(this.#cursor.index, this.#cursor);
  }

  /**
   * Another route over the same connections. It begins anywhere and goes on anywhere else, so that many clients are spread
   * over the addresses, also when one of these fails.
   */
  scatter(random: () => number): Route {
    const any = (count: number) => Math.floor(random() * count);
    const cursor = { index: any(this.size), next: (index: number) => index + 1 + any(this.size - 1) };
    return { size: this.size, use: () => this.#channel(cursor.index, cursor) };
  }

  /** The connections to these addresses only. */
  among(addresses: readonly string[]): Route {
    const chosen = this.#addresses.flatMap((address, index) => (addresses.includes(address) ? [index] : []));
    const next = (index: number) => chosen[(chosen.indexOf(index) + 1) % chosen.length] ?? 0;
    const cursor = { index: chosen[0] ?? 0, next };
    return { size: chosen.length, use: () => this.#channel(cursor.index, cursor) };
  }

  /** A route to each address, and nowhere else. What is left on it is left by those who use one that works, too. */
  all(): Route[] {
    return this.#addresses.map((_, index) => ({ size: 1, use: () => this.#channel(index, this.#cursor) }));
  }

  close(): void {
    for (const { policy } of this.#stubs.values()) policy.close();
  }

  #channel(index: number, cursor: Cursor): Channel {
    const address = this.#addresses[index] ?? '';
    const stubs = this.#stubs.get(index) ?? connect(address, this.#security);
    this.#stubs.set(index, stubs);
    return {
      ...stubs,
      address,
      leave: () => {
        if (cursor.index === index) cursor.index = cursor.next(index) % this.size;
      },
      renew: () => {
        if (this.#stubs.get(index) !== stubs) return;
        this.#stubs.delete(index);
        stubs.policy.close();
      },
    };
  }
}

function connect(address: string, { credentials, options }: Security): Stubs {
  const policy = new PolicyServiceClient(address, credentials, { ...CHANNEL_OPTIONS, ...options });
  const shared = { ...options, channelOverride: policy.getChannel() };
  return {
    policy,
    history: new HistoryServiceClient(address, credentials, shared),
    fleet: new FleetServiceClient(address, credentials, shared),
  };
}

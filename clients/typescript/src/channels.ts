import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

import { HistoryServiceClient, PolicyServiceClient } from './proto.js';

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
}

/** A connection to one address. */
export interface Channel extends Stubs {
  /** `host:port`. */
  readonly address: string;
  /** The address did not do: from now on the next one is used, unless somebody has moved on already. */
  leave(): void;
}

/** One channel per address, opened when first needed. Calls use one address as long as it works. */
export class Channels {
  readonly #addresses: readonly string[];
  readonly #stubs = new Map<number, Stubs>();
  #current = 0;

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  get size(): number {
    return this.#addresses.length;
  }

  use(): Channel {
    return this.#channel(this.#current);
  }

  /** Every address. */
  all(): Channel[] {
    return this.#addresses.map((_, index) => this.#channel(index));
  }

  close(): void {
    for (const { policy } of this.#stubs.values()) policy.close();
  }

  #channel(index: number): Channel {
    const address = this.#addresses[index] ?? '';
    let stubs = this.#stubs.get(index);
    if (!stubs) {
      stubs = connect(address);
      this.#stubs.set(index, stubs);
    }
    return {
      ...stubs,
      address,
      leave: () => {
        if (this.#current === index) this.#current = (index + 1) % this.size;
      },
    };
  }
}

function connect(address: string): Stubs {
  const policy = new PolicyServiceClient(address, channelCredentials(), CHANNEL_OPTIONS);
  const channelOverride = policy.getChannel();
  return { policy, history: new HistoryServiceClient(address, channelCredentials(), { channelOverride }) };
}

/** Where transport security will be chosen. */
function channelCredentials(): ChannelCredentials {
  return credentials.createInsecure();
}

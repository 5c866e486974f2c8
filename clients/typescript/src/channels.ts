import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

import { PolicyServiceClient } from './proto.js';

const CHANNEL_OPTIONS = {
  // notices a peer that vanished without a word
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // the defaults grow to two minutes, during which every call fails at once
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // closing the client closes its connections
  'grpc.use_local_subchannel_pool': 1,
  // retry.ts is the only place that retries
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
};

/** A connection to one address. */
export interface Channel {
  readonly stub: PolicyServiceClient;
  /** The address did not do: from now on the next one is used, unless somebody has moved on already. */
  leave(): void;
}

/** One channel per address, opened when first needed. All calls use one address as long as it works. */
export class Channels {
  readonly #addresses: readonly string[];
  readonly #stubs = new Map<number, PolicyServiceClient>();
  #current = 0;

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  get size(): number {
    return this.#addresses.length;
  }

  use(): Channel {
    const index = this.#current;
    return {
      stub: this.#stub(index),
      leave: () => {
        if (this.#current === index) this.#current = (index + 1) % this.size;
      },
    };
  }

  #stub(index: number): PolicyServiceClient {
    let stub = this.#stubs.get(index);
    if (!stub) {
      stub = new PolicyServiceClient(this.#addresses[index] ?? '', channelCredentials(), CHANNEL_OPTIONS);
      this.#stubs.set(index, stub);
    }
    return stub;
  }

  close(): void {
    for (const stub of this.#stubs.values()) stub.close();
  }
}

/** Where transport security will be chosen. */
function channelCredentials(): ChannelCredentials {
  return credentials.createInsecure();
}

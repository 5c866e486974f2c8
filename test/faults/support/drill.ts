import {
  type Change,
  Delivery,
  GetRequest,
  Limits,
  type GetResponse,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
  type Version,
  type WatchResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { canonical } from '../../support/canonical.js';
import { readChanges } from '../../support/change-log.js';
import { policyOf } from '../../support/engine.js';
import { foldMessages } from '../../support/fleet.js';
import { until } from '../../support/process.js';
import { ask, type LogRecord, startServer, type TestServer, watch } from '../../support/server.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';

/** How servers reach a store: each over a proxy of its own, or not at all over one. */
export interface DrillSetup {
  readonly store: (proxy: TcpProxy | undefined) => string;
  /** Where the proxies lead; looked up anew for each connection. */
  readonly target?: { readonly host: string; readonly port: number };
  readonly servers: number;
  readonly flags?: readonly string[];
}

/** Servers on one store that comes back older, watchers of each, and what was acknowledged to whom. */
export class Drill {
  readonly servers: TestServer[] = [];
  readonly proxies: TcpProxy[] = [];
  /** What the watchers of each server got. */
  readonly #watches: { readonly server: TestServer; readonly messages: WatchResponse[] }[] = [];
  readonly #closes: (() => unknown)[] = [];
  readonly #acknowledged = new Map<string, Version>();
  readonly #overrides = new Set<string>();

  static async start({ store, target, servers, flags = [] }: DrillSetup): Promise<Drill> {
    const drill = new Drill();
    for (let i = 0; i < servers; i += 1) {
      const proxy = target && (await startProxy(target));
      if (proxy) {
        drill.proxies.push(proxy);
        drill.#closes.push(() => proxy.close());
      }
      const server = await startServer({ store: store(proxy), flags: ['--lease', '2s', ...flags] });
      drill.servers.push(server);
      drill.#closes.push(() => server.close());
      for (const delivery of [Delivery.PATCHES, Delivery.SNAPSHOTS]) await drill.#watch(server, delivery);
    }
    return drill;
  }

  /** A write that is told from all others. */
  async write(at: number, name: string): Promise<Version> {
    const oppRankings = { clear: false, remove: [], put: new Map([[name, 0.5]]) };
    const request = {
      ...PatchRequest.create(),
      patch: { ...PolicyPatch.create(), oppRankings },
      requestId: name,
      reason: name,
    };
    const { version } = await ask(this.#server(at).client, methods.patch, request);
    this.#acknowledged.set(name, version!);
    return version!;
  }

  /** Resolves when the store has it. */
  async override(at: number, name: string, maxPositions: number): Promise<void> {
    const limits = { ...Limits.create(), maxPositions };
    const request = { ...OverrideRequest.create(), name, limits, reason: name, requestId: name };
    await ask(this.#server(at).client, methods.override, request);
    // On a busy machine it may be answered as pending, before the store has it.
    await until(async () => {
      const { policy } = await this.get(at);
      return policy?.overrides.some((it) => it.name === name && !it.pending);
    });
    this.#overrides.add(name);
  }

  get(at: number): Promise<GetResponse> {
    return ask(this.#server(at).client, methods.get, GetRequest.create());
  }

  async version(at: number): Promise<string> {
    const { version } = await this.get(at);
    return `${version!.epoch}:${version!.revision}`;
  }

  /** Resolves when this server holds what another does. */
  async caughtUp(at: number, withServer: number): Promise<void> {
    await until(async () => (await this.version(at)) === (await this.version(withServer)));
  }

  /** Keeps a server from the store: it notices only that no answer comes. */
  lag(at: number): void {
    this.proxies[at]!.blackhole(true);
  }

  /** Lets it through again, without what was on its way. */
  release(at: number): void {
    this.proxies[at]!.cut();
    this.proxies[at]!.blackhole(false);
  }

  /** Resolves when a server has told its operator what the text says. */
  async told(at: number, text: RegExp): Promise<LogRecord> {
    let line: LogRecord | undefined;
    await until(async () => {
      line = this.#server(at).log.find(({ msg }) => text.test(msg));
      return Promise.resolve(line !== undefined);
    });
    return line!;
  }

  /** The log as a server tells it, oldest first. */
  log(at: number): Promise<Change[]> {
    return readChanges(this.#server(at).address);
  }

  /**
   * Expects that all servers and all watchers come to hold the same, with everything that was acknowledged, and that every
   * watcher was told a history without a gap.
   */
  async expectWhole(): Promise<void> {
    await until(async () => {
      const versions = await Promise.all(this.servers.map((_, i) => this.version(i)));
      return new Set([...versions, ...this.#watches.map(({ messages }) => newest(messages))]).size === 1;
    });
    const answers = await Promise.all(this.servers.map((_, i) => this.get(i)));
    const [{ policy, version }] = answers as [GetResponse];
    for (const other of answers) expect(canonical(other.policy)).to.equal(canonical(policy));
    const states = new Map<string, string>();
    for (const { messages } of this.#watches) {
      const held = foldMessages(messages, states);
      expect(held.version).to.equal(`${version!.epoch}:${version!.revision}`);
      expect(canonical(held.policy)).to.equal(canonical(policyOf(policy)));
    }
    expect([...policy!.oppRankings.keys()]).to.include.members([...this.#acknowledged.keys()]);
    expect(policy!.overrides.map(({ name }) => name)).to.include.members([...this.#overrides]);
    // Whoever has seen an acknowledged version is answered, also by its number on the older line.
    for (const [i, { client }] of this.servers.entries()) {
      for (const minVersion of [...this.#acknowledged.values()].slice(-20)) {
        await ask(client, methods.get, { ...GetRequest.create(), minVersion });
      }
      expect(this.servers[i]!.log.filter(({ msg }) => msg.includes('failed unexpectedly'))).to.deep.equal([]);
    }
    await this.#expectOnce();
  }

  async close(): Promise<void> {
    for (const proxy of this.proxies) proxy.blackhole(false);
    for (const close of this.#closes.splice(0).reverse()) await close();
  }

  async #expectOnce(): Promise<void> {
    const log = await this.log(0);
    const revisions = log.map(({ version }) => version!.revision);
    expect(revisions).to.deep.equal([...revisions].sort((a, b) => a - b));
    const requests = log.map(({ requestId }) => requestId).filter((id) => id !== '');
    expect(requests).to.have.length(new Set(requests).size);
    expect(requests).to.include.members([...this.#acknowledged.keys(), ...this.#overrides]);
  }

  #server(at: number): TestServer {
    return this.servers[at]!;
  }

  async #watch(server: TestServer, delivery: Delivery): Promise<void> {
    const messages: WatchResponse[] = [];
    const watching = watch(server.client, { delivery });
    watching.stream.on('data', (message: WatchResponse) => messages.push(message));
    await until(() => Promise.resolve(messages.length > 0));
    this.#watches.push({ server, messages });
    this.#closes.push(() => {
      watching.cancel();
    });
  }
}

function newest(messages: readonly WatchResponse[]): string {
  const { version } = messages.at(-1)!;
  return `${version!.epoch}:${version!.revision}`;
}

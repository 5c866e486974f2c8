import type { Bench } from './bench.js';
import type { Call, Slots } from './load/messages.js';
import type { Side } from './measure/interleave.js';
import { sample } from './measure/sample.js';
import type { ServerProcess } from './peers/server-process.js';

/** Calls in flight on one connection. */
const PER_CONNECTION = 16;
const WATCHER_CONNECTIONS = 4;

let targets = 0;

/** The servers of one part of the benchmark, and the load generator's connections to them. */
export class Stage {
  readonly #bench: Bench;
  readonly #servers: ServerProcess[] = [];
  readonly #targets: string[] = [];

  private constructor(bench: Bench) {
    this.#bench = bench;
  }

  /** Ends what `play` started, whatever happens. */
  static async set<Result>(bench: Bench, play: (stage: Stage) => Promise<Result>): Promise<Result> {
    const stage = new Stage(bench);
    try {
      return await play(stage);
    } finally {
      for (const target of stage.#targets) await bench.load.disconnect(target);
      for (const server of stage.#servers.reverse()) await server.close();
    }
  }

  async start<Server extends ServerProcess>(starting: Promise<Server>): Promise<Server> {
    const server = await starting;
    this.#servers.push(server);
    return server;
  }

  /** Measures a server with as many calls in flight as there are slots. */
  async load(server: ServerProcess, slots: Slots): Promise<Side> {
    const { load, extent } = this.#bench;
    const target = await this.#connect(server, Math.ceil(slots.length / PER_CONNECTION));
    await load.prepare(target, target, slots);
    if (extent.warmUpMs > 0) await load.run(target, extent.warmUpMs);
    return () => sample(server.pid, () => load.run(target, extent.windowMs));
  }

  /** Opens streams and measures how long a change takes to the last of them. */
  async fanOut(server: ServerProcess, streams: number, watch: Call, changes: readonly Call[]): Promise<Side> {
    const { load, extent } = this.#bench;
    const target = await this.#connect(server, 1);
    await load.prepare(target, target, [changes]);
    const watchers = await this.#connect(server, WATCHER_CONNECTIONS);
    await load.watch(watchers, watchers, watch, streams);
    if (extent.warmUpMs > 0) await load.fanOut(watchers, target, extent.warmUpMs);
    return () => sample(server.pid, () => load.fanOut(watchers, target, extent.windowMs));
  }

  async #connect(server: ServerProcess, connections: number): Promise<string> {
    const target = `target ${targets++}`;
    await this.#bench.load.connect(target, server.port, connections);
    this.#targets.push(target);
    return target;
  }
}

import type { Bench } from './bench.js';
import type { Call, Slots } from './load/messages.js';
import type { Side } from './measure/interleave.js';
import { sample } from './measure/sample.js';
import type { ServerProcess } from './peers/server-process.js';

/** Calls in flight on one connection. */
const PER_CONNECTION = 16;
const WATCHER_CONNECTIONS = 4;

let targets = 0;

/** What one part of the benchmark starts, and the load generator's connections to it. */
export class Stage {
  readonly #bench: Bench;
  readonly #started: { close(): Promise<void> }[] = [];
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
      for (const started of stage.#started.reverse()) await started.close();
    }
  }

  async start<Started extends { close(): Promise<void> }>(starting: Promise<Started>): Promise<Started> {
    const started = await starting;
    this.#started.push(started);
    return started;
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
    const target = await this.#changes(server, changes);
    const watchers = await this.#watchers(server, WATCHER_CONNECTIONS, streams, watch);
    if (extent.warmUpMs > 0) await load.fanOut([watchers], target, extent.warmUpMs);
    return () => sample(server.pid, () => load.fanOut([watchers], target, extent.windowMs));
  }

  /**
   * Opens a stream on each of two servers that share a store, and measures how long a change made at the first takes to
   * the stream of the first, and to that of the second.
   */
  async replicate(
    [first, second]: readonly [ServerProcess, ServerProcess],
    watch: Call,
    changes: readonly Call[],
  ): Promise<readonly [near: Side, far: Side]> {
    const { load, extent } = this.#bench;
    const target = await this.#changes(first, changes);
    const near = await this.#watchers(first, 1, 1, watch);
    const far = await this.#watchers(second, 1, 1, watch);
    if (extent.warmUpMs > 0) await load.fanOut([far, near], target, extent.warmUpMs);
    return [
      () => sample(first.pid, () => load.fanOut([near, far], target, extent.windowMs)),
      () => sample(second.pid, () => load.fanOut([far, near], target, extent.windowMs)),
    ];
  }

  async #changes(server: ServerProcess, changes: readonly Call[]): Promise<string> {
    const target = await this.#connect(server, 1);
    await this.#bench.load.prepare(target, target, [changes]);
    return target;
  }

  async #watchers(server: ServerProcess, connections: number, streams: number, watch: Call): Promise<string> {
    const target = await this.#connect(server, connections);
    await this.#bench.load.watch(target, target, watch, streams);
    return target;
  }

  async #connect(server: ServerProcess, connections: number): Promise<string> {
    const target = `target ${targets++}`;
    await this.#bench.load.connect(target, server, connections);
    this.#targets.push(target);
    return target;
  }
}

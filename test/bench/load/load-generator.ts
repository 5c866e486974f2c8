import { forkLoad } from './forked.js';
import type { Call, Command, Reached, Slots, Window } from './messages.js';

type Measured = Extract<Command, { kind: 'run' | 'fan-out' }>;

/** The load generator: a process of its own, so that the load costs the server nothing but its requests. */
export interface LoadGenerator {
  connect(target: string, server: Reached, connections: number): Promise<void>;
  disconnect(target: string): Promise<void>;
  /** Keeps what a load sends, so that starting it is cheap. */
  prepare(load: string, target: string, slots: Slots): Promise<void>;
  /** Opens streams and waits for the first message of each. */
  watch(watchers: string, target: string, call: Call, streams: number): Promise<void>;
  /** Keeps all slots of a load busy. @throws Error when a single call fails. */
  run(load: string, ms: number): Promise<Window>;
  /**
   * Makes change after change with the first slot of a load, waiting each time for the last watcher: of the first
   * group, whose times are taken, and of all others that get the changes.
   */
  fanOut(watchers: readonly [string, ...string[]], load: string, ms: number): Promise<Window>;
  close(): Promise<void>;
}

export function startLoadGenerator(): LoadGenerator {
  const { tell, measure, close } = forkLoad<Exclude<Command, Measured>, Measured>('generator.ts');
  return {
    connect: (target, { port, security }, connections) =>
      tell({ kind: 'connect', target, server: { port, security }, connections }),
    disconnect: (target) => tell({ kind: 'disconnect', target }),
    prepare: (load, target, slots) => tell({ kind: 'prepare', load, target, slots }),
    watch: (watchers, target, call, streams) => tell({ kind: 'watch', watchers, target, call, streams }),
    run: (load, ms) => measure({ kind: 'run', load, ms }),
    fanOut: (watchers, load, ms) => measure({ kind: 'fan-out', watchers, load, ms }),
    close,
  };
}

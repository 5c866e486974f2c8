import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { Call, Command, Reached, Reply, Slots, Window } from './messages.js';

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
  const child = fork(fileURLToPath(new URL('generator.ts', import.meta.url)), {
    execArgv: ['--import=tsx'],
    serialization: 'advanced',
  });
  const ended = once(child, 'exit');

  async function ask(command: Command): Promise<Reply> {
    const gone = ended.then(() => {
      throw new Error('the load generator has ended');
    });
    const answered = once(child, 'message').then(([reply]) => reply as Reply);
    child.send(command);
    const reply = await Promise.race([answered, gone]);
    if (reply.kind === 'failed') throw new Error(reply.message);
    return reply;
  }
  async function tell(command: Command): Promise<void> {
    await ask(command);
  }
  async function measure(command: Command): Promise<Window> {
    const reply = await ask(command);
    if (reply.kind !== 'window') throw new Error('the load generator did not measure');
    return reply.window;
  }
  return {
    connect: (target, { port, security }, connections) =>
      tell({ kind: 'connect', target, server: { port, security }, connections }),
    disconnect: (target) => tell({ kind: 'disconnect', target }),
    prepare: (load, target, slots) => tell({ kind: 'prepare', load, target, slots }),
    watch: (watchers, target, call, streams) => tell({ kind: 'watch', watchers, target, call, streams }),
    run: (load, ms) => measure({ kind: 'run', load, ms }),
    fanOut: (watchers, load, ms) => measure({ kind: 'fan-out', watchers, load, ms }),
    async close() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { Reply, Window } from './messages.js';

/** A process of its own that makes load, so that this costs the server nothing but its requests. */
export interface Forked<Told extends object, Measured extends object> {
  /** Has something done. @throws Error when it fails, or the process has ended. */
  readonly tell: (command: Told) => Promise<void>;
  /** Has something measured. @throws Error as `tell` does, and when a single call fails. */
  readonly measure: (command: Measured) => Promise<Window>;
  readonly close: () => Promise<void>;
}

/** @param file The program, beside this one; it serves commands by `serveCommands`. */
export function forkLoad<Told extends object, Measured extends object>(file: string): Forked<Told, Measured> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ['--import=tsx'],
    serialization: 'advanced',
  });
  const ended = once(child, 'exit');

  async function ask(command: Told | Measured): Promise<Reply> {
    const gone = ended.then(() => {
      throw new Error('the load generator has ended');
    });
    const answered = once(child, 'message').then(([reply]) => reply as Reply);
    child.send(command);
    const reply = await Promise.race([answered, gone]);
    if (reply.kind === 'failed') throw new Error(reply.message);
    return reply;
  }
  return {
    async tell(command) {
      await ask(command);
    },
    async measure(command) {
      const reply = await ask(command);
      if (reply.kind !== 'window') throw new Error('the load generator did not measure');
      return reply.window;
    },
    async close() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { HttpCommand } from './http-messages.js';
import type { Reply, Window } from './messages.js';

/** The load over HTTP/1.1: a process of its own, so that it costs the server nothing but its requests. */
export interface HttpLoad {
  tell(command: Exclude<HttpCommand, { kind: 'run' | 'fan-out' }>): Promise<void>;
  measure(command: Extract<HttpCommand, { kind: 'run' | 'fan-out' }>): Promise<Window>;
  close(): Promise<void>;
}

export function startHttpLoad(): HttpLoad {
  const child = fork(fileURLToPath(new URL('http-generator.ts', import.meta.url)), {
    execArgv: ['--import=tsx'],
    serialization: 'advanced',
  });
  const ended = once(child, 'exit');

  async function ask(command: HttpCommand): Promise<Reply> {
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

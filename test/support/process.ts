import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

import { searchForSecrets } from './secrets.js';

/** A program under test, which can be treated badly. */
export interface ManagedProcess {
  readonly pid: number;
  /** What it wrote to stdout and stderr so far. */
  readonly output: string;
  /** Resolves with its exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM (or another signal); resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: it stands still, its sockets stay open. */
  freeze(): void;
  /** SIGCONT */
  thaw(): void;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Runs it as somebody else; only root may. */
  readonly user?: SystemUser;
  /** What ends it where it outlives this process. Default: SIGKILL. */
  readonly lastSignal?: NodeJS.Signals;
  /** Resolves when the program answers; rejects or throws while it does not yet. */
  readonly answers: (process: ManagedProcess) => Promise<unknown>;
}

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

const START_TIMEOUT_MS = 20_000;
/** With the signal that ends each. */
const running = new Map<ChildProcess, NodeJS.Signals>();

process.once('exit', () => {
  for (const [child, lastSignal] of running) child.kill(lastSignal);
});

/** Where there is setpriv, children end with this process even if it is killed. */
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/** Starts a program and waits until it answers. Fails with its output if it ends before. */
export async function startProcess(program: Program): Promise<ManagedProcess> {
  const { command, args, env, cwd, user, lastSignal = 'SIGKILL', answers } = program;
  const [file, argv] = SETPRIV
    ? [SETPRIV, ['--pdeathsig', lastSignal.slice('SIG'.length), command, ...args]]
    : [command, args];
  const child = spawn(file, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(env ? { env } : {}),
    ...(cwd === undefined ? {} : { cwd }),
    ...user,
  });
  running.set(child, lastSignal);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const searched = searchForSecrets(() => output);
  const exited = new Promise<number | null>((resolve) => {
    const end = (code: number | null): void => {
      running.delete(child);
      searched();
      resolve(code);
    };
    child.once('error', (error) => {
      output += error.message;
      end(127);
    });
    child.once('close', end);
  });

  async function end(signal: NodeJS.Signals): Promise<void> {
    child.kill(signal);
    await exited;
  }
  const managed: ManagedProcess = {
    pid: child.pid ?? -1,
    get output() {
      return output;
    },
    exited,
    kill: () => end('SIGKILL'),
    stop: (signal = 'SIGTERM') => end(signal),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };

  let over = false;
  const ended = exited.then((code) => {
    over = true;
    throw new Error(`${command} ended with ${code} before it answered:\n${output}`);
  });
  try {
    await Promise.race([
      ended,
      until(() => answers(managed), { timeoutMs: START_TIMEOUT_MS, stop: () => over }),
    ]);
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  ended.catch(() => undefined);
  return managed;
}

/** Starts a program on a port that was free a moment ago; on another one if somebody took it in between. */
export async function startOnFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      const taken = error instanceof Error && /address already in use|EADDRINUSE/i.test(error.message);
      if (!taken || attempt === 5) throw error;
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again and again until `condition` neither throws nor gives false. */
export async function until(
  condition: () => Promise<unknown>,
  { timeoutMs = START_TIMEOUT_MS, stop = () => false }: { timeoutMs?: number; stop?: () => boolean } = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      if ((await condition()) !== false) return;
    } catch (error) {
      failure = error;
    }
    if (stop()) return;
    if (performance.now() > deadline) {
      throw new Error(`Not reached within ${timeoutMs} ms: ${condition.toString()}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

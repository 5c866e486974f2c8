import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { cpuSeconds } from '../measure/cpu.js';
import type { ServerProcess } from '../peers/server-process.js';
import type { ClientKind, ClientNews, OpenClients } from './client-messages.js';

/** More would only take turns on a small machine. */
const PROCESSES = 2;

/** Clients of the library, in processes of their own. Each begins at one of the servers, and goes on to the others. */
export class ClientProcesses {
  readonly #processes: readonly ChildProcess[];
  readonly #clients: number[];
  /** Rejects when a client fails or a process ends: nothing can be measured then. */
  readonly #failed: Promise<never>;

  constructor(kind: ClientKind, servers: readonly ServerProcess[], processes = PROCESSES) {
    const program = fileURLToPath(new URL('clients.ts', import.meta.url));
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    this.#processes = Array.from({ length: processes }, () =>
      fork(program, [kind, addresses], {
        execArgv: ['--import=tsx'],
        serialization: 'advanced',
      }),
    );
    this.#clients = this.#processes.map(() => 0);
    this.#failed = new Promise((_resolve, reject) => {
      for (const process of this.#processes) {
        process.on('message', (news: ClientNews) => {
          if (news.kind === 'failed') reject(new Error(`a client of the benchmark: ${news.message}`));
        });
        process.once('exit', () => {
          reject(new Error('a process with clients has ended'));
        });
      }
    });
    this.#failed.catch(() => undefined);
  }

  get cpuSeconds(): number {
    return this.#processes.reduce((sum, { pid = -1 }) => sum + cpuSeconds(pid), 0);
  }

  /** Opens as many as lack; resolves when all of them follow the policy. */
  async grow(clients: number): Promise<void> {
    const opening = this.#processes.map(async (process, i) => {
      const wanted = Math.floor((clients + i) / this.#processes.length);
      const command: OpenClients = { count: wanted - (this.#clients[i] ?? 0) };
      const opened = this.#news(process);
      process.send(command);
      await opened;
      this.#clients[i] = wanted;
    });
    await Promise.all(opening);
  }

  /** Resolves when every client has had one change more, with when each of them had it. */
  async next(): Promise<readonly number[]> {
    const holding = this.#processes.filter((_, i) => (this.#clients[i] ?? 0) > 0);
    const arrivals = await Promise.all(holding.map((process) => this.#news(process)));
    return arrivals.flatMap((arrival) => (arrival.kind === 'arrived' ? arrival.at : []));
  }

  async close(): Promise<void> {
    const open = this.#processes.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    const ended = open.map((process) => once(process, 'exit'));
    for (const process of open) if (process.connected) process.disconnect();
    await Promise.all(ended);
  }

  async #news(process: ChildProcess): Promise<ClientNews> {
    const told = once(process, 'message').then(([news]) => news as ClientNews);
    return Promise.race([told, this.#failed]);
  }
}

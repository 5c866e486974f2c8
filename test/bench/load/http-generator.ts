// The process that makes the load over HTTP/1.1 and holds the streams: `fork`ed by the benchmark, which sends it commands.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

import { percentile } from '../measure/statistics.js';
import { HttpConnection, openStream } from './http-connection.js';
import type { HttpCommand } from './http-messages.js';
import type { Reply, Window } from './messages.js';

/** So many connections are made at once. */
const AT_ONCE = 50;

interface Load {
  connections: readonly HttpConnection[];
  requests: readonly string[];
  readonly streams: Socket[];
  sent: number;
  missing: number;
  arrived: (at: number) => void;
}

const NOTHING: Load = {
  connections: [],
  requests: [],
  streams: [],
  sent: 0,
  missing: 0,
  arrived: () => undefined,
};
const loads = new Map<string, Load>();

/** Rejects when a connection or a call fails; what is measured then means nothing. */
let reject: (error: Error) => void = () => undefined;
const fail = (error: Error): void => {
  reject(error);
};

async function execute(command: HttpCommand): Promise<Reply> {
  switch (command.kind) {
    case 'connect': {
      const { connections, port, requests } = command;
      const opened = await Promise.all(
        Array.from({ length: connections }, () => HttpConnection.open(port, fail)),
      );
      const load = loads.get(command.load) ?? { ...NOTHING };
      loads.set(command.load, Object.assign(load, { connections: opened, requests }));
      return { kind: 'done' };
    }
    case 'run':
      return {
        kind: 'window',
        window: await measure((record) => run(find(command.load), command.ms, record)),
      };
    case 'watch':
      loads.set(command.load, { ...NOTHING, streams: [] });
      await watch(find(command.load), command);
      return { kind: 'done' };
    case 'fan-out':
      return {
        kind: 'window',
        window: await measure((record) => fanOut(find(command.load), command.ms, record)),
      };
    case 'disconnect': {
      const { connections, streams } = find(command.load);
      for (const connection of connections) connection.close();
      for (const stream of streams) stream.destroy();
      loads.delete(command.load);
      return { kind: 'done' };
    }
  }
}

/** Keeps every connection busy for `ms`, then waits for the last answers. */
async function run(load: Load, ms: number, record: (ms: number) => void): Promise<void> {
  const end = performance.now() + ms;
  const finished = load.connections.map(
    (connection) =>
      new Promise<void>((resolve) => {
        const ask = (): void => {
          const sentAt = performance.now();
          connection.request(next(load), () => {
            const at = performance.now();
            record(at - sentAt);
            if (at < end) ask();
            else resolve();
          });
        };
        ask();
      }),
  );
  await Promise.all(finished);
}

async function watch(
  load: Load,
  { port, streams, request }: Extract<HttpCommand, { kind: 'watch' }>,
): Promise<void> {
  const arrived = expectAll(load, streams);
  const take = (events: number): void => {
    load.missing -= events;
    if (load.missing < 0) fail(new Error('a stream had an event that nobody caused'));
    if (load.missing === 0) load.arrived(performance.now());
  };
  for (let left = streams; left > 0; left -= AT_ONCE) {
    const some = Array.from({ length: Math.min(left, AT_ONCE) }, () => openStream(port, request, fail, take));
    load.streams.push(...(await Promise.all(some)));
  }
  await arrived;
}

/** One change after the other, each sent when the last stream has the one before. */
async function fanOut(load: Load, ms: number, record: (ms: number) => void): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const arrived = expectAll(load, load.streams.length);
    const sentAt = performance.now();
    const answered = new Promise<void>((resolve) => {
      load.connections[0]?.request(next(load), resolve);
    });
    record((await arrived) - sentAt);
    await answered;
  }
}

/** Resolves when every stream has had one event more, with the time of the last. */
function expectAll(load: Load, streams: number): Promise<number> {
  load.missing += streams;
  return new Promise((resolve) => (load.arrived = resolve));
}

function next(load: Load): string {
  return load.requests[load.sent++ % load.requests.length] ?? '';
}

async function measure(work: (record: (ms: number) => void) => Promise<void>): Promise<Window> {
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work((ms) => times.push(ms));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    requests: times.length,
    seconds,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    generatorCpu: (user + system) / 1e6,
  };
}

function find(name: string): Load {
  const load = loads.get(name);
  if (load === undefined) throw new Error(`the load generator does not know ${name}`);
  return load;
}

process.on('message', (command: HttpCommand) => {
  const failed = new Promise<never>((_resolve, rejectFailed) => (reject = rejectFailed));
  Promise.race([execute(command), failed]).then(
    (reply: Reply) => process.send?.(reply),
    (error: unknown) => process.send?.({ kind: 'failed', message: String(error) } satisfies Reply),
  );
});
process.once('disconnect', () => process.exit());

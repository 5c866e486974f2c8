// The process that makes the load over HTTP/1.1 and holds the streams: `fork`ed by the benchmark, which sends it commands.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

import { HttpConnection, openStream } from './http-connection.js';
import type { HttpCommand } from './http-messages.js';
import type { Reply } from './messages.js';
import { fail, find, measure, serveCommands } from './serve-commands.js';

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
        window: await measure((record) => run(find(loads, command.load), command.ms, record)),
      };
    case 'watch':
      loads.set(command.load, { ...NOTHING, streams: [] });
      await watch(find(loads, command.load), command);
      return { kind: 'done' };
    case 'fan-out':
      return {
        kind: 'window',
        window: await measure((record) => fanOut(find(loads, command.load), command.ms, record)),
      };
    case 'disconnect': {
      const { connections, streams } = find(loads, command.load);
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

serveCommands(execute);

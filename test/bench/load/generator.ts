// The process that makes the load and holds the watchers: `fork`ed by the benchmark, which sends it Commands.
import { performance } from 'node:perf_hooks';

import { Connection } from './connection.js';
import type { Command, Reply, Slots } from './messages.js';
import { fail, find, measure, serveCommands } from './serve-commands.js';
import { Slot } from './slot.js';
import { Watchers } from './watchers.js';

const targets = new Map<string, Connection[]>();
const loads = new Map<string, readonly Slot[]>();
const watcherGroups = new Map<string, Watchers>();

async function execute(command: Command): Promise<Reply> {
  switch (command.kind) {
    case 'connect': {
      const opened = Array.from({ length: command.connections }, () =>
        Connection.open('127.0.0.1', command.server, fail),
      );
      targets.set(command.target, await Promise.all(opened));
      return { kind: 'done' };
    }
    case 'disconnect':
      for (const connection of find(targets, command.target)) connection.close();
      targets.delete(command.target);
      return { kind: 'done' };
    case 'prepare':
      loads.set(command.load, slotsOn(find(targets, command.target), command.slots));
      return { kind: 'done' };
    case 'watch': {
      const { target, call, streams } = command;
      watcherGroups.set(command.watchers, await Watchers.open(find(targets, target), call, streams, fail));
      return { kind: 'done' };
    }
    case 'run': {
      const slots = find(loads, command.load);
      return { kind: 'window', window: await measure((record) => run(slots, command.ms, record)) };
    }
    case 'fan-out': {
      const [slot] = find(loads, command.load);
      const [timed, ...others] = command.watchers;
      const watchers = find(watcherGroups, timed);
      const besides = others.map((name) => find(watcherGroups, name));
      return {
        kind: 'window',
        window: await measure((record) => fanOut(slot, watchers, besides, command.ms, record)),
      };
    }
  }
}

/** Keeps every slot busy for `ms`, then waits for the last answers. */
async function run(slots: readonly Slot[], ms: number, record: (ms: number) => void): Promise<void> {
  const end = performance.now() + ms;
  const finished = slots.map(
    (slot) =>
      new Promise<void>((resolve) => {
        slot.start((took) => {
          record(took);
          if (performance.now() < end) return true;
          resolve();
          return false;
        });
      }),
  );
  await Promise.all(finished);
}

/** One change after the other, each sent when the last watcher, also of those besides, has the one before. */
async function fanOut(
  slot: Slot | undefined,
  watchers: Watchers,
  besides: readonly Watchers[],
  ms: number,
  record: (ms: number) => void,
): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const arrived = watchers.next();
    const arrivedBesides = besides.map((group) => group.next());
    const sentAt = performance.now();
    const answered = new Promise<void>((resolve) => {
      slot?.start(() => {
        resolve();
        return false;
      });
    });
    record((await arrived) - sentAt);
    await answered;
    await Promise.all(arrivedBesides);
  }
}

function slotsOn(connections: readonly Connection[], slots: Slots): Slot[] {
  return slots.map((calls, i) => {
    const connection = connections[i % connections.length];
    if (connection === undefined) throw new Error('a load without a connection');
    return new Slot(connection, calls, fail);
  });
}

serveCommands(execute);

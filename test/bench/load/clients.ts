// A process with clients of the library, each with a connection of its own: `fork`ed by the benchmark, which tells it how
// many to open and hears from it when all of them have had a change. Arguments: what kind, the addresses with commas between.
import { PolicyClient, type Version } from '@policystore/client';

import { type ClientKind, type ClientNews, machineMs, type OpenClients } from './client-messages.js';

const [, , kind, addresses] = process.argv as [string, string, ClientKind, string];

/** So many connections are made at once. */
const AT_ONCE = 25;
const READY_MS = 60_000;
/** Silence is broken by a heartbeat: the longest interval, so that few fall into a measurement. */
const heartbeatMs = 60_000;

let clients = 0;
let at: number[] = [];

function tell(news: ClientNews): void {
  process.send?.(news);
}

function fail(error: unknown): void {
  tell({ kind: 'failed', message: String(error) });
}

/** @returns what takes each change; it must come once and in order. */
function taker(from: Version): (version: Version) => void {
  let { revision } = from;
  return (version) => {
    at.push(machineMs());
    revision += 1;
    if (version.revision !== revision) fail(`revision ${version.revision} came instead of ${revision}`);
    if (at.length < clients) return;
    tell({ kind: 'arrived', at });
    at = [];
  };
}

async function openLive(client: PolicyClient): Promise<void> {
  const live = client.live({ heartbeatMs });
  const { version } = await live.ready({ deadlineMs: READY_MS });
  const take = taker(version);
  live.on('change', (next) => {
    take(next.version);
  });
}

async function openWatch(client: PolicyClient): Promise<void> {
  const watch = client.watch({ heartbeatMs });
  const first = await watch.next();
  if (first.done === true) throw new Error('the watch ended');
  const take = taker(first.value.version);
  void (async () => {
    for await (const { version } of watch) take(version);
  })().catch(fail);
}

const open = { live: openLive, watch: openWatch }[kind];

async function openMore(count: number): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const some = Array.from({ length: Math.min(left, AT_ONCE) }, () =>
      open(new PolicyClient({ addresses, name: 'executor' })),
    );
    await Promise.all(some);
  }
  clients += count;
  tell({ kind: 'opened' });
}

process.on('message', ({ count }: OpenClients) => {
  openMore(count).catch(fail);
});
process.once('disconnect', () => process.exit());

// Controllers patch the policy while three executors ask for it per signal and two components watch it. Ends with 0
// only if all of them saw what they must. With POLICY_STORE=redis://… two replicas serve on that Redis, in the
// namespace of POLICY_NAMESPACE, else in a new one.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { runControllers } from './controllers.js';
import { startExecutor } from './executors.js';
import { Narrator } from './narrator.js';
import { connect, type Stage } from './participant.js';
import type { ChangeMade, DemoRecord } from './record.js';
import { startServers } from './servers.js';
import { summarize } from './summary.js';
import { findProblems } from './verdict.js';
import { startWatcher } from './watchers.js';

/** What did not arrive by then, after the last change, is missing. */
const PATIENCE_MS = 10_000;

async function play(addresses: readonly string[], namespace: string): Promise<DemoRecord> {
  const over = new AbortController();
  const stage: Stage = { namespace, narrator: new Narrator(), sentAt: new Map(), over: over.signal };
  // Turn by turn over the replicas, so that each serves a watcher and some executors.
  let turn = 0;
  const address = (): string => addresses[turn++ % addresses.length] ?? '';
  const writeTo = addresses[0] ?? '';

  await using client = connect(writeTo, namespace, 'demo');
  const start = await client.get({ fresh: true });
  const watchers = ['risk_guard', 'portfolio_balancer'].map((name) => startWatcher(stage, name, address()));
  const executors = [1, 2, 3].map((i) => startExecutor(stage, `executor-${i}`, address()));
  const everybody = [...watchers, ...executors];
  const reach = async (revision: number): Promise<void> => {
    await Promise.all(everybody.map(({ progress }) => progress.reach(revision)));
  };
  const act = async (): Promise<readonly ChangeMade[]> => {
    await reach(start.version.revision);
    const changes = await runControllers(stage, writeTo, start.version);
    const patience = pause(PATIENCE_MS, undefined, { signal: over.signal });
    await Promise.race([reach(changes.at(-1)?.version.revision ?? 0), patience]);
    over.abort();
    return changes;
  };
  const [changes] = await Promise.all([act(), ...everybody.map(({ done }) => done)]);
  return {
    start,
    changes,
    watchers: watchers.map(({ name, seen }) => ({ name, events: seen })),
    executors: executors.map(({ name, seen }) => ({ name, reads: seen })),
  };
}

const store = nonEmpty(process.env['POLICY_STORE']);
const namespace = nonEmpty(process.env['POLICY_NAMESPACE']) ?? `demo-${randomBytes(4).toString('hex')}`;
const servers = await startServers(store, namespace);
console.log(`Namespace ${namespace}, ${servers.description}: ${servers.addresses.join(', ')}.\n`);
try {
  const record = await play(servers.addresses, namespace);
  const problems = findProblems(record);
  console.log(['', ...summarize(record), ...problems.map((problem) => `WRONG: ${problem}`)].join('\n'));
  process.exitCode = problems.length === 0 ? 0 : 1;
  console.log(
    problems.length === 0
      ? 'demo: ok. Every watcher saw every change once and in order; every executor read forward to the last one.'
      : `demo: failed, ${problems.length} problems.`,
  );
} finally {
  await servers.close();
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

// A trading day: every component of a trading system at work on a policy server of its own. See options.ts.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Stage } from './cast/stage.js';
import { playDay } from './day.js';
import { createIdentities, type Identities } from './identities.js';
import { Book } from './market/book.js';
import { DAY_MINUTES } from './market/day-time.js';
import { Market } from './market/market.js';
import { createRandom } from './market/random.js';
import { type DemoOptions, readOptions, USAGE } from './options.js';
import { Recorder } from './recorder.js';
import { makeReport, type Report } from './report.js';
import { chooseTeller } from './screen/choose-teller.js';
import { type Servers, startServers } from './servers.js';
import { summarize } from './summary.js';
import { findProblems } from './verdict/verdict.js';

/** More problems than these are usually one. */
const MOST_PROBLEMS = 20;

async function run({ seed, seconds, json }: DemoOptions): Promise<void> {
  const over = new AbortController();
  const interrupt = (): void => {
    over.abort(new Error('interrupted'));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const talk = json ? process.stderr : process.stdout;
  const say = (line: string): void => void talk.write(`${line}\n`);

  const store = nonEmpty(process.env['POLICY_STORE']);
  const namespace = nonEmpty(process.env['POLICY_NAMESPACE']) ?? `demo-${randomBytes(4).toString('hex')}`;
  await using directory = await createDirectory();
  const identities = await createIdentities(directory.path);
  await using servers = await startServers(directory.path, store, namespace, identities);
  const { addresses, description } = servers;
  const setting = { seed, namespace, servers: description, addresses };
  say(`Namespace ${namespace}, ${description}: ${addresses.join(', ')}. Seed ${seed}.\n`);

  const report = await play(setting, servers, identities, seconds, talk, over.signal);
  const { ok, problems } = report.verdict;
  say(
    ['', ...summarize(report), ...problems.slice(0, MOST_PROBLEMS).map((each) => `WRONG: ${each}`)].join(
      '\n',
    ),
  );
  say(
    ok
      ? 'demo: ok. Every decision matches its policy revision; nobody entered between the receipt of the trip and its restore; every listener was told of every change, once and in order; the rogue controller was refused all that it tried.'
      : `demo: failed, ${problems.length} problems.`,
  );
  if (json) console.log(JSON.stringify(report, null, 2));
  process.exitCode = ok ? 0 : 1;
}

async function play(
  setting: Parameters<typeof makeReport>[0],
  running: Servers,
  identities: Identities,
  seconds: number,
  talk: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<Report> {
  const { namespace, seed, servers } = setting;
  const teller = chooseTeller(talk, `PolicyStore, a trading day. ${servers}, seed ${seed}`, process.env);
  const recorder = new Recorder(teller);
  const random = createRandom(seed);
  const book = new Book();
  const minuteMs = (seconds * 1000) / DAY_MINUTES;
  try {
    await using stage = new Stage(
      running,
      identities,
      namespace,
      new Market(random),
      book,
      recorder,
      minuteMs,
    );
    const record = await playDay(stage, random, (scene) => teller.show(scene), signal);
    return makeReport(setting, record, recorder, book, findProblems(record));
  } finally {
    teller.close();
  }
}

/** Of this day alone; it goes when the day is over. */
async function createDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'policystore-demo-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) console.log(USAGE);
  else await run(options);
} catch (error) {
  console.error(error instanceof Error ? `demo: failed. ${error.message}` : error);
  process.exitCode = 1;
}

import { setTimeout as pause } from 'node:timers/promises';

import {
  ChangeKind,
  type LivePolicy,
  type PastPolicy,
  type PolicyClient,
  type Version,
} from '@policystore/client';

import { until } from '../support/process.js';
import { directStrategy, monitorHealth, rankOpportunities, type Routine } from './cast/controllers.js';
import { startLive, startUnary, type Trader } from './cast/executors.js';
import { governSafety } from './cast/governor.js';
import { followPlans } from './cast/plans.js';
import { prepare } from './cast/preparation.js';
import { misbehave } from './cast/rogue.js';
import { balancePortfolio, guardRisk, manageEnsemble, orchestrate } from './cast/readers.js';
import type { Stage } from './cast/stage.js';
import { OPERATOR } from './identities.js';
import { DAY_MINUTES } from './market/day-time.js';
import type { Random } from './market/random.js';
import { propose, type Proposal } from './market/signals.js';
import type { DayRecord } from './record.js';
import { scrape } from './scrape.js';
import type { Scene } from './screen/teller.js';

/** Signals of a usual minute. */
const SIGNALS = 6;
const FLEET_EVERY = 10;
/** What has not come by then, at the end of the day, does not come. */
const PATIENCE_MS = 30_000;

interface Cast {
  readonly order: (proposals: readonly Proposal[]) => readonly Proposal[];
  readonly routines: readonly Routine[];
  readonly traders: readonly Trader[];
  /** One of the policies that are held, to be shown. */
  readonly live: LivePolicy;
}

/** Plays a day. */
export async function playDay(
  stage: Stage,
  random: Random,
  show: (scene: Scene) => void,
  signal: AbortSignal,
): Promise<DayRecord> {
  const { recorder } = stage;
  const operator = stage.connect(OPERATOR);
  const start = await prepare(operator);
  const cast = await gather(stage);
  cast.live.on('change', (_next, _previous, cause) => {
    if (cause?.kind === ChangeKind.EXPIRE) recorder.tell(cause.actor, `ends what is over: ${cause.reason}`);
  });
  recorder.tell('market', `opens with ${stage.market.phase.name}`);
  await playMinutes(stage, cast, operator, random, show, signal);
  await close(stage, operator);
  const { trips, bans, badWrites, rollbacks, attempts, decisions, listeners } = recorder;
  const log = await readLog(operator, start);
  const { addresses, httpAddresses, serverLog } = stage.servers;
  const { secrets } = stage.identities;
  const written = { trips, bans, badWrites, rollbacks, attempts };
  return {
    log,
    replicas: addresses.length,
    ...written,
    decisions,
    listeners,
    serverLog: serverLog(),
    scrapes: await Promise.all(httpAddresses.map((address) => scrape(address, stage.identities.scraper))),
    secrets,
  };
}

async function gather(stage: Stage): Promise<Cast> {
  const [order, { routine, live }, balance, , ...live1to3] = await Promise.all([
    orchestrate(stage),
    guardRisk(stage),
    balancePortfolio(stage),
    manageEnsemble(stage),
    ...['executor-1', 'executor-2', 'executor-3'].map((name) => startLive(stage, name)),
  ]);
  const unary = ['executor-4', 'executor-5'].map((name) => startUnary(stage, name));
  const controllers = [
    directStrategy,
    rankOpportunities,
    monitorHealth,
    governSafety,
    followPlans,
    misbehave,
  ];
  const routines = [...controllers.map((start) => start(stage)), routine, balance];
  return { order, routines, live, traders: [...live1to3, ...unary] };
}

async function playMinutes(
  stage: Stage,
  { order, routines, traders, live }: Cast,
  operator: PolicyClient,
  random: Random,
  show: (scene: Scene) => void,
  signal: AbortSignal,
): Promise<void> {
  const { market, book, recorder, minuteMs } = stage;
  const openedAt = performance.now();
  for (let minute = 0; minute < DAY_MINUTES; minute++) {
    signal.throwIfAborted();
    recorder.minute = minute;
    const { name } = market.phase;
    market.advance(minute);
    if (market.phase.name !== name) recorder.tell('market', `turns: ${market.phase.name}`);
    book.mark(market.prices);
    const proposals = order(propose(random, market.phase, SIGNALS));
    const shares = traders.map((_, i) => proposals.filter((_proposal, j) => j % traders.length === i));
    await Promise.all([
      ...routines.map((routine) => routine(minute)),
      ...traders.map((trader, i) => trader.trade(minute, shares[i] ?? [])),
    ]);
    if (minute % FLEET_EVERY === 0) recorder.fleet = (await operator.fleet.list()).members;
    const { phase } = market;
    show({
      minute,
      phase,
      policy: live.current,
      account: book,
      decisions: recorder.tally,
      fleet: recorder.fleet,
    });
    await pause(Math.max(0, openedAt + (minute + 1) * minuteMs - performance.now()));
  }
}

/** Waits for what has to end by itself, and until everybody has heard of everything. */
async function close({ recorder }: Stage, operator: PolicyClient): Promise<void> {
  const names = new Set(recorder.bans.map(({ name }) => name));
  const isOver = async (): Promise<boolean> => {
    const { policy } = await operator.get();
    return !policy.overrides.some(({ name }) => names.has(name));
  };
  await until(isOver, { timeoutMs: PATIENCE_MS });
  const last = { customParams: { closed_after_minutes: DAY_MINUTES } };
  const waitApplied = { timeoutMs: PATIENCE_MS };
  await operator.patch(last, { reason: 'the day is over', waitApplied });
  recorder.fleet = (await operator.fleet.list()).members;
  recorder.tell('operator', 'closes the day');
}

/** Every state from one version on, as the server's history has it. */
async function readLog(operator: PolicyClient, start: Version): Promise<PastPolicy[]> {
  const log: PastPolicy[] = [];
  for await (const { version } of operator.history({ pageSize: 500 })) {
    log.unshift(await operator.revision(version));
    if (version.revision <= start.revision) break;
  }
  return log;
}

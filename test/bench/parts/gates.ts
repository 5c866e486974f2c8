import {
  authorizeTrade,
  createView,
  type Entry,
  type LivePolicy,
  type Policy,
  PolicyClient,
  type PolicyView,
  readPolicy,
  RiskMode,
  TradingState,
  View,
  viewOf,
} from '@policystore/client';
import { GlobalPolicy } from '@policystore/client/proto';
import { setTimeout as pause } from 'node:timers/promises';

import type { Extent, Part } from '../bench.js';
import { interleave, type Side } from '../measure/interleave.js';
import type { Sample } from '../measure/sample.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { boundedRow, type Metric, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';

const MANY = 1000;
const FEW = 10;
/** Five million a second. */
const GOAL_NS = 200;

const TIME: Metric = {
  id: 'time',
  measure: 'time per call',
  unit: 'ns',
  of: ({ perSecond }) => 1e9 / perSecond,
};

/** Does one thing for each trade, and says for how many it came out. */
type Batch = (trades: readonly Entry[]) => number;

/** What an executor does per signal, in this thread. A server takes part only in keeping one of the policies live. */
export const measureGates: Part = (bench) =>
  Stage.set(bench, async (stage) => {
    const { extent, progress } = bench;
    progress(`authorizeTrade with ${MANY} symbols and rankings, and with ${FEW}`);
    const version = { epoch: 'bench', revision: 1 };
    const many = createView(policyOf(MANY), version);
    const few = createView(policyOf(FEW), version);
    const answer = {
      policy: many.policy,
      version,
      sentAt: performance.now(),
      validForMs: 3_600_000,
      view: View.EFFECTIVE,
    };
    const { port } = await stage.start(startPolicyServer('memory:', many.policy));
    await using client = new PolicyClient({ addresses: `127.0.0.1:${port}` });
    await using live = client.live();
    await live.ready();

    const [ours = [], ofFew = [], denials = [], ofLive = [], ofGet = [], lookUps = [], loop = []] =
      await interleave(extent.rounds, [
        side(extent, entries(MANY), authorizing(many)),
        side(extent, entries(FEW), authorizing(few)),
        side(extent, entries(MANY), denying(many)),
        side(extent, entries(MANY), authorizingLive(live)),
        side(extent, entries(MANY), authorizingWhatGetAnswered(answer)),
        side(extent, entries(MANY), lookingUp(many)),
        side(extent, entries(MANY), callingNothing),
      ]);

    const title = `authorizeTrade, ${MANY} symbols and rankings`;
    const goal = { ratio: 'at most', limit: 1.2 } as const;
    const lookUp = { reference: 'one Map.get', samples: lookUps };
    const onView = { reference: 'on a view', samples: ours };
    return [
      row('gates.rate', title, THROUGHPUT, ours),
      boundedRow(row('gates', title, TIME, ours), GOAL_NS),
      row('gates.many', title, TIME, ours, { reference: `among ${FEW}`, samples: ofFew, goal }),
      row('gates.floor', title, TIME, ours, lookUp),
      row('gates.denied', 'The same, denied for its confidence', TIME, denials, onView),
      row('gates.live', 'The same on live.current', TIME, ofLive, onView),
      row('gates.get', 'The same on viewOf a Get', TIME, ofGet, onView),
      row('gates.loop', 'An empty function', TIME, loop, lookUp),
    ];
  });

function authorizing(view: PolicyView): Batch {
  return (trades) => {
    let count = 0;
    for (const trade of trades) if (authorizeTrade(view, trade).allowed) count += 1;
    return count;
  };
}

function denying({ policy, version }: PolicyView): Batch {
  const strict = createView({ ...policy, globalMinConfidence: 1 }, version);
  return (trades) => {
    let count = 0;
    for (const trade of trades) if (!authorizeTrade(strict, trade).allowed) count += 1;
    return count;
  };
}

function authorizingLive(live: LivePolicy): Batch {
  return (trades) => {
    let count = 0;
    for (const trade of trades) if (authorizeTrade(live.current, trade).allowed) count += 1;
    return count;
  };
}

function authorizingWhatGetAnswered(answer: Parameters<typeof viewOf>[0]): Batch {
  return (trades) => {
    let count = 0;
    for (const trade of trades) if (authorizeTrade(viewOf(answer), trade).allowed) count += 1;
    return count;
  };
}

function lookingUp({ oppRankings }: PolicyView): Batch {
  return (trades) => {
    let count = 0;
    for (const { symbol } of trades) if (oppRankings.get(symbol) !== undefined) count += 1;
    return count;
  };
}

function callingNothing(trades: readonly Entry[]): number {
  let count = 0;
  for (const trade of trades) if (nothing(trade)) count += 1;
  return count;
}

function nothing(_trade: Entry): boolean {
  return true;
}

function side({ windowMs, warmUpMs }: Extent, trades: readonly Entry[], batch: Batch): Side {
  run(trades, batch, warmUpMs);
  return async () => {
    // The live policy renews its lease meanwhile.
    await pause(2);
    // Shorter windows will do: nothing but this thread is measured.
    return run(trades, batch, windowMs / 4);
  };
}

function run(trades: readonly Entry[], batch: Batch, ms: number): Sample {
  const began = performance.now();
  let requests = 0;
  let now = began;
  do {
    if (batch(trades) !== trades.length) throw new Error('the gates answered something else');
    requests += trades.length;
    now = performance.now();
  } while (now - began < ms);
  const perSecond = (requests / (now - began)) * 1000;
  return { requests, perSecond, p50: NaN, p99: NaN, cpu: NaN, generator: NaN };
}

function policyOf(symbols: number): Policy {
  const names = Array.from({ length: symbols }, (_, i) => symbolAt(i));
  return readPolicy(
    GlobalPolicy.fromPartial({
      riskMode: RiskMode.NORMAL,
      allowedStrategies: ['trend', 'breakout', 'carry', 'pairs'],
      allowedSymbols: names,
      maxRiskPerTrade: 0.01,
      maxPositions: 10,
      globalMinConfidence: 0.6,
      oppRankings: new Map(names.map((name) => [name, 0.5])),
      tradingState: TradingState.ACTIVE,
    }),
  );
}

/** As many whatever the number of symbols, each with a text of its own as from a feed, so that only the policy differs. */
function entries(symbols: number): readonly Entry[] {
  return Array.from({ length: MANY }, (_, i) => ({
    kind: 'entry',
    strategy: 'pairs',
    symbol: symbolAt(i % symbols),
    confidence: 0.6 + (i % 40) / 101,
    minRanking: 0.4,
    riskPerTrade: 0.005,
    openPositions: i % 10,
  }));
}

/** A new text each time; a template would be put together only when it is read. */
function symbolAt(i: number): string {
  return Buffer.from(`SYM${i}USDT`).toString();
}

import {
  EnsembleManager,
  Executor,
  type LivePolicy,
  Orchestrator,
  PortfolioBalancer,
  RiskGuard,
  RiskMode,
  TradingState,
} from '@policystore/client';

import type { Proposal } from '../market/signals.js';
import { percent, plural } from '../screen/numbers.js';
import type { Routine } from './controllers.js';
import { Desk } from './executors.js';
import { WatchedPolicy } from './sources.js';
import type { Stage } from './stage.js';

/** Orders the signals of a minute: those that may pass come first. Executors decide for themselves. */
export async function orchestrate(
  stage: Stage,
): Promise<(proposals: readonly Proposal[]) => readonly Proposal[]> {
  const live = await stage.listen(stage.connect(Orchestrator.role), Orchestrator.role);
  const orchestrator = new Orchestrator(live);
  return (proposals) => {
    const judged = orchestrator.judge(proposals);
    const passing = judged.filter(({ decision }) => decision.allowed);
    const others = judged.filter(({ decision }) => !decision.allowed);
    return [...passing, ...others].map(({ signal }) => signal);
  };
}

/** Tells of every change of the limits; at a stop, sells a part of the largest position. */
export async function guardRisk(stage: Stage): Promise<{ routine: Routine; live: LivePolicy }> {
  const { book, recorder } = stage;
  const name = RiskGuard.role;
  const live = await stage.listen(stage.connect(name), name);
  let isAlarmed = false;
  new RiskGuard(live, ({ riskMode, maxRiskPerTrade, tradingState }, previous) => {
    recorder.tell(
      name,
      `now ${RiskMode[riskMode]}, ${percent(maxRiskPerTrade)} a trade, ${TradingState[tradingState]}`,
    );
    isAlarmed ||= previous !== undefined && tradingState < previous.tradingState;
  });
  const source = new WatchedPolicy(live);
  const desk = new Desk(recorder, name, new Executor(source), source);
  const routine: Routine = async () => {
    const [largest] = [...book.positions].sort((a, b) => b.riskPerTrade - a.riskPerTrade);
    if (!isAlarmed || largest === undefined) return;
    isAlarmed = false;
    const { symbol, strategy } = largest;
    if (!(await desk.authorize({ kind: 'reduction', symbol, strategy }))) return;
    book.reduce(largest, 0.75);
    recorder.tell(name, `sells a quarter of its largest position, ${symbol}`);
  };
  return { routine, live };
}

/** Tells how many positions are open beyond the limit. */
export async function balancePortfolio(stage: Stage): Promise<Routine> {
  const name = PortfolioBalancer.role;
  const balancer = new PortfolioBalancer(await stage.listen(stage.connect(name), name));
  let before = 0;
  return async () => {
    const excess = balancer.excess(stage.book);
    if (excess > 0 && before === 0) {
      stage.recorder.tell(name, `${plural(excess, 'position')} beyond the limit: they may stay`);
    }
    before = excess;
  };
}

/** Loads the models that are put into production. */
export async function manageEnsemble(stage: Stage): Promise<void> {
  const name = EnsembleManager.role;
  const live = await stage.listen(stage.connect(name), name);
  new EnsembleManager(live, (changes) => {
    for (const { model, modelVersion = 'nothing', previous = 'nothing' } of changes) {
      stage.recorder.tell(name, `runs ${model} ${modelVersion} instead of ${previous}`);
    }
  });
}

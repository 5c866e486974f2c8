import { HealthMonitor, MetaStrategyController, OpportunityRanker, RiskMode } from '@policystore/client';

import type { Stage } from './stage.js';

/** What somebody does in each minute of the day. */
export type Routine = (minute: number) => Promise<void>;

const RANKED_EVERY = 15;
const TOP = 7;

/** Sets the risk mode to the market. */
export function directStrategy(stage: Stage): Routine {
  const { market, recorder } = stage;
  const controller = new MetaStrategyController(stage.connect(MetaStrategyController.role));
  return async () => {
    const { trend, volatility } = market.phase;
    const { mode, target, write } = await controller.observe({ trend, volatility });
    if (write === undefined) return;
    const way = mode === target ? '' : `, on the way to ${RiskMode[target]}`;
    const masked = write.maskedFields.length > 0 ? ', in force once no override hides it' : '';
    const why = `${trend}, ${volatility} volatility`;
    recorder.tell(MetaStrategyController.role, `${RiskMode[mode]}${way}: ${why}${masked}`);
  };
}

/** Ranks the symbols now and then. */
export function rankOpportunities(stage: Stage): Routine {
  const { market, recorder } = stage;
  const ranker = new OpportunityRanker(stage.connect(OpportunityRanker.role), { topN: TOP });
  let best: ReadonlySet<string> = new Set();
  return async (minute) => {
    if (minute % RANKED_EVERY !== 0) return;
    const changed = (await ranker.observe(market.scores))?.patch.allowedSymbols;
    if (changed === undefined) return;
    const { clear, remove, add } = changed;
    const kept = clear ? [] : [...best].filter((symbol) => !remove.includes(symbol));
    const now = new Set([...kept, ...add]);
    // That the same ones are in another order is nothing to tell.
    if ([...now].some((symbol) => !best.has(symbol))) {
      recorder.tell(OpportunityRanker.role, `lets the best ${TOP} trade: ${[...now].join(' ')}`);
    }
    best = now;
  };
}

/** Reports how the rest of the system does. */
export function monitorHealth(stage: Stage): Routine {
  const { market, recorder } = stage;
  const monitor = new HealthMonitor(stage.connect(HealthMonitor.role));
  return async () => {
    const feeds = market.phase.haste > 1 ? 'delayed' : 'good';
    const write = await monitor.observe({ feeds: { status: feeds }, venues: { status: 'good' } });
    if (write !== undefined) recorder.tell(HealthMonitor.role, `feeds are ${feeds}`);
  };
}

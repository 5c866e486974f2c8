import {
  ContinuousLearningManager,
  formatVersion,
  type PatchInput,
  type PolicyClient,
  PolicyStoreError,
  StrategyGenerator,
} from '@policystore/client';

import type { BadWrite } from '../record.js';
import { ms } from '../screen/numbers.js';
import { OPERATOR } from '../identities.js';
import type { Routine } from './controllers.js';
import type { Stage } from './stage.js';

/** What happens once, in a certain minute; what it resolves with is told. */
interface Plan {
  readonly minute: number;
  readonly who: string;
  readonly act: () => Promise<string>;
}

export const BANNED = 'SOLUSDT';
const BAN_MINUTES = 40;

/** Promotions, demotions, and what operators do, in the order of the day. */
export function followPlans(stage: Stage): Routine {
  const operator = stage.connect(OPERATOR);
  const plans = [...learn(stage), ...generate(stage), ...blunder(stage, operator), ...ban(stage, operator)];
  return async (minute) => {
    for (const { who, act } of plans.filter((plan) => plan.minute === minute)) {
      stage.recorder.tell(who, await act());
    }
  };
}

function learn(stage: Stage): Plan[] {
  const manager = new ContinuousLearningManager(stage.connect(ContinuousLearningManager.role));
  const compare =
    (model: string, candidate: string, shadowMetric: number, productionMetric: number) =>
    async (): Promise<string> => {
      const write = await manager.observe({ model, candidate, shadowMetric, productionMetric, samples: 500 });
      const name = `${model} ${candidate}`;
      const metrics = `${shadowMetric} in the shadow, ${productionMetric} in production`;
      return write === undefined ? `${name} stays in the shadow: ${metrics}` : `promotes ${name}: ${metrics}`;
    };
  const who = ContinuousLearningManager.role;
  return [
    { minute: 80, who, act: compare('alpha', '2.1', 1.42, 1.2) },
    { minute: 125, who, act: compare('beta', '1.4', 0.81, 0.9) },
  ];
}

function generate(stage: Stage): Plan[] {
  const generator = new StrategyGenerator(stage.connect(StrategyGenerator.role));
  const who = StrategyGenerator.role;
  return [
    {
      minute: 45,
      who,
      act: async () => {
        await generator.promote('breakout', 'Sharpe ratio 1.9 out of sample');
        return 'promotes breakout';
      },
    },
    {
      minute: 290,
      who,
      act: async () => {
        await generator.demote('mean-reversion', 'three losing weeks');
        return 'demotes mean-reversion';
      },
    },
  ];
}

/** What operators do wrong, and how it ends. */
function blunder({ recorder }: Stage, operator: PolicyClient): Plan[] {
  const who = OPERATOR;
  const writeBadly = async (bad: PatchInput, expected: BadWrite['expected']): Promise<string> => {
    const reason = `more room for the afternoon, ${recorder.badWrites.length + 1}`;
    try {
      await operator.patch(bad, { reason });
      recorder.badWrites.push({ reason, expected, code: undefined, violations: [] });
      return 'writes what nobody should be able to write';
    } catch (error) {
      if (!(error instanceof PolicyStoreError)) throw error;
      const { violations } = error;
      recorder.badWrites.push({ reason, expected, code: error.reason, violations });
      return `is refused: ${violations.map(({ field, description }) => `${field} ${description}`).join('; ')}`;
    }
  };
  return [
    {
      minute: 100,
      who,
      act: () =>
        writeBadly(
          { maxPositions: 500, maxRiskPerTrade: -0.01, globalMinConfidence: 1.4 },
          'VALIDATION_FAILED',
        ),
    },
    { minute: 105, who, act: () => writeBadly({ maxPositions: 60 }, 'GUARDRAIL_VIOLATED') },
    {
      minute: 255,
      who,
      act: async () => {
        const reason = 'a hotfix, by hand';
        const { version } = await operator.patch(
          { modelVersions: { put: { alpha: '3.0-rc1' } } },
          { reason },
        );
        const before = { ...version, revision: version.revision - 1 };
        recorder.rollbacks.push({ version, to: before, fields: ['model_versions'] });
        return `puts alpha 3.0-rc1 into production by hand: revision ${version.revision}`;
      },
    },
    {
      minute: 262,
      who,
      act: async () => {
        const blunt = recorder.rollbacks.pop();
        if (blunt === undefined) throw new Error('there is nothing to roll back');
        const { to, fields } = blunt;
        const { version } = await operator.rollback(to, { fields, reason: 'alpha 3.0-rc1 goes astray' });
        recorder.rollbacks.push({ version, to, fields });
        return `rolls ${fields.join()} back to ${formatVersion(to)}`;
      },
    },
  ];
}

function ban({ recorder, minuteMs }: Stage, operator: PolicyClient): Plan[] {
  const name = `ban-${BANNED}`;
  const ttlMs = Math.round(BAN_MINUTES * minuteMs);
  return [
    {
      minute: 110,
      who: OPERATOR,
      act: async () => {
        const limits = { blockSymbols: [BANNED] };
        const { version } = await operator.override({ name, limits, reason: 'venue halted', ttlMs });
        recorder.bans.push({ name, symbol: BANNED, ttlMs, version });
        return `bans ${BANNED} for ${ms(ttlMs)}: venue halted`;
      },
    },
  ];
}

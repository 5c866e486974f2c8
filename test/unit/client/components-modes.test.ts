import {
  type MarketState,
  MetaStrategyController,
  PolicyStoreError,
  POSTURES,
  RiskMode,
} from '@policystore/client';
import { expect } from 'chai';

import { nextMode, targetMode } from '../../../clients/typescript/src/components/meta-strategy-controller.js';
import { useComponentWorld } from '../../support/component-world.js';
import { rejection } from '../../support/rejection.js';

const { DEFENSIVE, NORMAL, AGGRESSIVE } = RiskMode;

const market = (trend: MarketState['trend'], volatility: MarketState['volatility']): MarketState => ({
  trend,
  volatility,
});

describe('MetaStrategyController', () => {
  const world = useComponentWorld();
  let controller: MetaStrategyController;

  beforeEach(() => {
    controller = new MetaStrategyController(world().client(MetaStrategyController.role));
  });

  // What the market asks for, and the next mode from DEFENSIVE, NORMAL and AGGRESSIVE.
  const table: [MarketState, RiskMode, [RiskMode, RiskMode, RiskMode]][] = [
    [market('trending', 'low'), AGGRESSIVE, [NORMAL, AGGRESSIVE, AGGRESSIVE]],
    [market('trending', 'normal'), NORMAL, [NORMAL, NORMAL, NORMAL]],
    [market('trending', 'high'), DEFENSIVE, [DEFENSIVE, DEFENSIVE, DEFENSIVE]],
    [market('ranging', 'low'), NORMAL, [NORMAL, NORMAL, NORMAL]],
    [market('ranging', 'normal'), NORMAL, [NORMAL, NORMAL, NORMAL]],
    [market('ranging', 'high'), DEFENSIVE, [DEFENSIVE, DEFENSIVE, DEFENSIVE]],
    [market('choppy', 'low'), DEFENSIVE, [DEFENSIVE, DEFENSIVE, NORMAL]],
    [market('choppy', 'normal'), DEFENSIVE, [DEFENSIVE, DEFENSIVE, NORMAL]],
    [market('choppy', 'high'), DEFENSIVE, [DEFENSIVE, DEFENSIVE, DEFENSIVE]],
  ];

  for (const [state, target, [fromDefensive, fromNormal, fromAggressive]] of table) {
    it(`goes to ${RiskMode[target]} in a ${state.trend} market of ${state.volatility} volatility`, () => {
      expect(targetMode(state)).to.equal(target);
      expect(nextMode(DEFENSIVE, state)).to.equal(fromDefensive);
      expect(nextMode(NORMAL, state)).to.equal(fromNormal);
      expect(nextMode(AGGRESSIVE, state)).to.equal(fromAggressive);
    });
  }

  it('has the limits of the requirements', () => {
    const limits = (mode: keyof typeof POSTURES) => Object.values(POSTURES[mode]) as number[];

    expect(limits(AGGRESSIVE)).to.deep.equal([0.015, 12, 0.6]);
    expect(limits(DEFENSIVE)).to.deep.equal([0.005, 5, 0.75]);
    expect(limits(NORMAL)).to.deep.equal([0.01, 10, 0.65]);
  });

  it('walks from AGGRESSIVE to DEFENSIVE through NORMAL, each step one patch with its reason', async () => {
    await controller.observe(market('trending', 'low'));
    await controller.observe(market('trending', 'low'));
    const first = await controller.observe(market('choppy', 'low'));
    const second = await controller.observe(market('choppy', 'low'));

    expect([first.mode, first.target]).to.deep.equal([NORMAL, DEFENSIVE]);
    expect([second.mode, second.target]).to.deep.equal([DEFENSIVE, DEFENSIVE]);
    expect(await world().base()).to.include({ riskMode: DEFENSIVE, ...POSTURES[DEFENSIVE] });
    const changes = await world().changes();
    expect(changes.map(({ actor, reason }) => `${actor}: ${reason}`)).to.deep.equal([
      'msc_ai: trending, low volatility: AGGRESSIVE',
      'msc_ai: choppy, low volatility: NORMAL, on the way to DEFENSIVE',
      'msc_ai: choppy, low volatility: DEFENSIVE',
    ]);
  });

  it('writes nothing where nothing would change', async () => {
    const first = await controller.observe(market('ranging', 'low'));
    const second = await controller.observe(market('ranging', 'normal'));

    expect(first.write?.version.revision).to.equal(2);
    expect(second).to.deep.equal({ mode: NORMAL, target: NORMAL, write: undefined });
    expect(await world().changes()).to.have.lengthOf(1);
  });

  it('goes by the base, and not by what an override makes of it', async () => {
    await controller.observe(market('trending', 'low'));
    await world().operator.override({
      name: 'careful',
      limits: { riskMode: DEFENSIVE, maxPositions: 1 },
      reason: 'x',
    });

    const decision = await controller.observe(market('trending', 'low'));

    expect(decision).to.deep.equal({ mode: AGGRESSIVE, target: AGGRESSIVE, write: undefined });
    expect((await world().effective()).riskMode).to.equal(DEFENSIVE);
    expect((await world().base()).riskMode).to.equal(AGGRESSIVE);
  });

  it('sets right what others wrote to its fields', async () => {
    await controller.observe(market('ranging', 'low'));
    await world().operator.patch({ maxPositions: 99 });

    await controller.observe(market('ranging', 'low'));

    expect((await world().base()).maxPositions).to.equal(10);
  });

  it('decides on what is there when it writes, whoever writes at the same time', async () => {
    const others = Array.from({ length: 8 }, (_, i) => world().operator.patch({ maxPositions: 20 + i }));
    const own = controller.observe(market('ranging', 'low'));
    const outcomes = await Promise.allSettled([own, ...others]);

    for (const outcome of outcomes) expect(outcome.status).to.equal('fulfilled');
    await controller.observe(market('ranging', 'low'));
    expect(await world().base()).to.include({ riskMode: NORMAL, ...POSTURES[NORMAL] });
  });

  it('takes other limits', async () => {
    const postures = {
      ...POSTURES,
      [NORMAL]: { maxRiskPerTrade: 0.02, maxPositions: 2, globalMinConfidence: 0.9 },
    };
    const own = new MetaStrategyController(world().client('msc_ai'), postures);

    await own.observe(market('ranging', 'low'));

    expect(await world().base()).to.include(postures[NORMAL]);
  });

  it('passes on what the server refuses, and refuses what is no market', async () => {
    const postures = {
      ...POSTURES,
      [NORMAL]: { maxRiskPerTrade: 2, maxPositions: 0, globalMinConfidence: NaN },
    };
    const wild = new MetaStrategyController(world().client('msc_ai'), postures);

    const error = await rejection(wild.observe(market('ranging', 'low')), PolicyStoreError);

    expect(error.violations.map(({ field }) => field)).to.have.members([
      'max_risk_per_trade',
      'max_positions',
      'global_min_confidence',
    ]);
    await rejection(
      controller.observe({ trend: 'up', volatility: 'low' } as unknown as MarketState),
      TypeError,
    );
    await rejection(controller.observe({ trend: 'choppy' } as MarketState), TypeError);
    expect(await world().changes()).to.be.empty;
  });
});

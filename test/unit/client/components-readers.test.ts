import {
  authorizeTrade,
  type Decision,
  EnsembleManager,
  type Entry,
  Executor,
  type LivePolicy,
  type ModelChange,
  Orchestrator,
  PolicyClient,
  PolicyStoreError,
  PortfolioBalancer,
  RiskGuard,
  type RiskLimits,
  RiskMode,
  type Trade,
  TradingState,
  View,
  viewOf,
} from '@policystore/client';
import { GetResponse, GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';

import { useComponentWorld } from '../../support/component-world.js';
import { until } from '../../support/process.js';
import { rejection } from '../../support/rejection.js';
import { startScriptedServer } from '../../support/scripted-server.js';
import { startProxy } from '../../support/tcp-proxy.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { ENTRY } from '../../support/views.js';

const { ACTIVE, HALTED, REDUCE_ONLY } = TradingState;

const POLICY = {
  riskMode: RiskMode.NORMAL,
  allowedStrategies: ['trend'],
  allowedSymbols: ['BTC'],
  maxRiskPerTrade: 0.01,
  maxPositions: 5,
  globalMinConfidence: 0.7,
  oppRankings: { BTC: 0.4 },
  modelVersions: { lstm: 'v1', xgb: 'v9' },
};

describe('components that decide', () => {
  const world = useComponentWorld();
  const lives: LivePolicy[] = [];

  beforeEach(async () => {
    await world().operator.update(POLICY);
  });

  afterEach(async () => {
    for (const live of lives.splice(0)) await live.close();
  });

  async function liveOf(role: string): Promise<LivePolicy> {
    const live = world().client(role).live();
    lives.push(live);
    await live.ready();
    return live;
  }

  /** Makes a change, and waits until the live policy holds it. */
  async function changed(
    live: LivePolicy,
    change: (operator: PolicyClient) => Promise<unknown>,
  ): Promise<void> {
    const { revision } = live.current.version;
    await change(world().operator);
    while (live.current.version.revision === revision) await new Promise((resolve) => setImmediate(resolve));
  }

  const codes = ({ reasons }: { readonly reasons: readonly { readonly code: string }[] }): string[] =>
    reasons.map(({ code }) => code);

  describe('Orchestrator', () => {
    it('judges signals on the policy of now', async () => {
      const live = await liveOf(Orchestrator.role);
      const orchestrator = new Orchestrator(live);
      expect(orchestrator.approve(ENTRY).allowed).to.be.true;

      await changed(live, (operator) => operator.patch({ allowedStrategies: { remove: ['trend'] } }));

      expect(codes(orchestrator.approve(ENTRY))).to.deep.equal(['STRATEGY_NOT_ALLOWED']);
    });

    it('judges a batch on one policy, in its order', async () => {
      const orchestrator = new Orchestrator(await liveOf(Orchestrator.role));
      const signals = [ENTRY, { ...ENTRY, symbol: 'X', id: 7 }, ENTRY];

      const judged = orchestrator.judge(new Set(signals));

      expect(judged.map(({ signal }) => signal)).to.deep.equal(signals.slice(0, 2));
      expect(judged.map(({ decision }) => decision.allowed)).to.deep.equal([true, false]);
      expect(judged[0]!.decision.version).to.equal(judged[1]!.decision.version);
    });
  });

  describe('RiskGuard', () => {
    const directory = temporaryDirectory();

    it('tells of limits that changed, and of nothing else, before the change counts as applied', async () => {
      const told: [RiskLimits, RiskLimits | undefined][] = [];
      const live = await liveOf(RiskGuard.role);
      using guard = new RiskGuard(live, (limits, previous) => void told.push([limits, previous]));

      await changed(live, (operator) => operator.patch({ maxPositions: 6 }));
      await world().operator.patch(
        { maxRiskPerTrade: 0.005 },
        { waitApplied: { components: ['risk_guard'] } },
      );
      await world().operator.override({ reason: 'drawdown', waitApplied: { components: ['risk_guard'] } });

      const first = { riskMode: RiskMode.NORMAL, maxRiskPerTrade: 0.01, tradingState: ACTIVE };
      const second = { ...first, maxRiskPerTrade: 0.005 };
      const third = { riskMode: RiskMode.DEFENSIVE, maxRiskPerTrade: 0.005, tradingState: REDUCE_ONLY };
      expect(told).to.deep.equal([
        [first, undefined],
        [second, first],
        [third, second],
      ]);
      expect(guard.limits).to.deep.equal(third);
    });

    it('validates by the limits of now, also when nobody is told', async () => {
      const live = await liveOf(RiskGuard.role);
      const guard = new RiskGuard(live);
      expect(guard.validate({ riskPerTrade: 0.01 }).allowed).to.be.true;

      await changed(live, (operator) => operator.patch({ maxRiskPerTrade: 0.009 }));

      expect(codes(guard.validate({ riskPerTrade: 0.01 }))).to.deep.equal(['RISK_TOO_HIGH']);
    });

    it('tells nothing more once it is closed', async () => {
      const told: RiskLimits[] = [];
      const live = await liveOf(RiskGuard.role);
      new RiskGuard(live, (limits) => void told.push(limits)).close();

      await changed(live, (operator) => operator.patch({ maxRiskPerTrade: 0.009 }));

      expect(told.map(({ maxRiskPerTrade }) => maxRiskPerTrade)).to.deep.equal([0.01]);
    });

    it('tells of the first policy when it comes, where there was none yet', async () => {
      const live = world().client(RiskGuard.role).live();
      lives.push(live);
      const told: [number, RiskLimits | undefined][] = [];
      using guard = new RiskGuard(live, (limits, previous) => {
        told.push([limits.maxRiskPerTrade, previous]);
      });
      await guard.started;
      expect(told).to.be.empty;

      await live.ready();

      expect(told).to.deep.equal([[0.01, undefined]]);
    });

    it('tells of a policy that a program before this one held already', async () => {
      const lastKnownGood = join(directory.path, 'policy');
      const before = world().client(RiskGuard.role).live({ lastKnownGood });
      await before.ready();
      await before.close();
      const proxy = await startProxy({ port: Number(world().server.address.split(':')[1]) });
      const client = new PolicyClient({ addresses: `${proxy.host}:${proxy.port}` });
      proxy.blackhole(true);
      const live = client.live({ lastKnownGood });
      try {
        const told: string[] = [];
        using early = new RiskGuard(
          live,
          ({ maxRiskPerTrade }) => void told.push(`early ${maxRiskPerTrade}`),
        );
        await until(() => Promise.resolve(live.current.version.epoch !== ''));
        using late = new RiskGuard(live, ({ maxRiskPerTrade }) => void told.push(`late ${maxRiskPerTrade}`));
        expect(told).to.deep.equal(['late 0.01']);

        proxy.blackhole(false);
        proxy.cut();
        await live.ready({ deadlineMs: 30_000 });

        expect(told).to.deep.equal(['late 0.01', 'early 0.01']);
        expect(early.limits).to.deep.equal(late.limits);
      } finally {
        await live.close();
        client.close();
        await proxy.close();
      }
    });

    it('tells of changes only when it is done with the start', async () => {
      const live = await liveOf(RiskGuard.role);
      const told: number[] = [];
      const starts = new EventEmitter();
      using guard = new RiskGuard(live, async ({ maxRiskPerTrade }) => {
        told.push(maxRiskPerTrade);
        if (told.length === 1) await once(starts, 'done');
      });

      await changed(live, (operator) => operator.patch({ maxRiskPerTrade: 0.009 }));
      await changed(live, (operator) => operator.patch({ maxRiskPerTrade: 0.008 }));
      expect(told).to.deep.equal([0.01]);
      const { version } = live.current;
      const before = await world().operator.waitApplied(version, {
        components: ['risk_guard'],
        timeoutMs: 50,
      });
      starts.emit('done');
      await guard.started;
      const after = await world().operator.waitApplied(version, { components: ['risk_guard'] });

      expect([before.appliedEverywhere, after.appliedEverywhere]).to.deep.equal([false, true]);
      expect(told).to.deep.equal([0.01, 0.008]);
    });

    it('tells who asks why the start could not be applied, and tries again with the next change', async () => {
      const live = await liveOf(RiskGuard.role);
      const told: [number, RiskLimits | undefined][] = [];
      let isAway = true;
      using guard = new RiskGuard(live, ({ maxRiskPerTrade }, previous) => {
        told.push([maxRiskPerTrade, previous]);
        if (isAway) throw new Error('the broker does not answer');
      });
      expect((await rejection(guard.started, Error)).message).to.equal('the broker does not answer');

      isAway = false;
      await changed(live, (operator) => operator.patch({ maxPositions: 6 }));

      expect(told).to.deep.equal([
        [0.01, undefined],
        [0.01, undefined],
      ]);
    });

    it('counts a stop as applied only once its listener did not throw, whatever changes meanwhile', async () => {
      const live = await liveOf(RiskGuard.role);
      let isAway = true;
      const told: [TradingState, TradingState | undefined][] = [];
      using guard = new RiskGuard(live, ({ tradingState }, previous) => {
        told.push([tradingState, previous?.tradingState]);
        if (isAway && tradingState === REDUCE_ONLY) throw new Error('the broker does not answer');
      });
      const waitApplied = { components: ['risk_guard'] };

      const stop = await world().operator.override({ reason: 'drawdown', waitApplied });
      const other = await world().operator.patch({ oppRankings: { put: { ETH: 0.3 } } }, { waitApplied });
      isAway = false;
      const later = await world().operator.patch({ oppRankings: { put: { ETH: 0.4 } } }, { waitApplied });

      expect(
        [stop, other, later].map(({ receipt }) => receipt?.members.map(({ rejection: no }) => no?.reason)),
      ).to.deep.equal([['the broker does not answer'], ['the broker does not answer'], [undefined]]);
      expect(told).to.deep.equal([
        [ACTIVE, undefined],
        [REDUCE_ONLY, ACTIVE],
        [REDUCE_ONLY, ACTIVE],
        [REDUCE_ONLY, ACTIVE],
      ]);
      expect(guard.limits.tradingState).to.equal(REDUCE_ONLY);
    });

    it('tells of limits that are as before where what it was told between threw', async () => {
      const live = await liveOf(RiskGuard.role);
      const told: TradingState[] = [];
      using guard = new RiskGuard(live, ({ tradingState }) => {
        told.push(tradingState);
        if (tradingState === REDUCE_ONLY) throw new Error('the broker does not answer');
      });

      await changed(live, (operator) => operator.override({ reason: 'drawdown' }));
      await changed(live, (operator) => operator.restore());

      expect(told).to.deep.equal([ACTIVE, REDUCE_ONLY, ACTIVE]);
      expect(guard.limits.tradingState).to.equal(ACTIVE);
    });

    it('lets what throws be told as a rejection, and holds the limits all the same', async () => {
      const live = await liveOf(RiskGuard.role);
      using guard = new RiskGuard(live, () => {
        throw new Error('the broker does not answer');
      });

      const { receipt } = await world().operator.patch(
        { maxRiskPerTrade: 0.009 },
        { waitApplied: { components: ['risk_guard'] } },
      );

      expect(receipt?.appliedEverywhere).to.be.false;
      expect(receipt?.members.map(({ rejection: why }) => why?.reason)).to.deep.equal([
        'the broker does not answer',
      ]);
      expect(guard.limits.maxRiskPerTrade).to.equal(0.009);
    });
  });

  describe('PortfolioBalancer', () => {
    it('counts what room there is, and what is too much', async () => {
      const live = await liveOf(PortfolioBalancer.role);
      const balancer = new PortfolioBalancer(live);
      const at = (openPositions: number) => [
        balancer.check({ openPositions }).allowed,
        balancer.room({ openPositions }),
        balancer.excess({ openPositions }),
      ];

      expect([0, 4, 5, 7].map(at)).to.deep.equal([
        [true, 5, 0],
        [true, 1, 0],
        [false, 0, 0],
        [false, 0, 2],
      ]);
      expect([NaN, -1, 1.5].map((open) => balancer.room({ openPositions: open }))).to.deep.equal([0, 0, 0]);

      await changed(live, (operator) => operator.override({ reason: 'drawdown' }));
      expect([0, 4].map(at)).to.deep.equal([
        [false, 0, 0],
        [false, 0, 1],
      ]);
    });
  });

  describe('EnsembleManager', () => {
    it('tells which models to load and drop, all of one change at once', async () => {
      const told: (readonly ModelChange[])[] = [];
      const live = await liveOf(EnsembleManager.role);
      using ensemble = new EnsembleManager(live, (changes) => void told.push(changes));

      await changed(live, (operator) => operator.patch({ maxPositions: 6 }));
      await world().operator.patch(
        { modelVersions: { remove: ['xgb'], put: { lstm: 'v2', gru: 'v1' } } },
        { waitApplied: { components: ['ensemble_manager'] } },
      );

      expect(told).to.deep.equal([
        [
          { model: 'lstm', modelVersion: 'v1', previous: undefined },
          { model: 'xgb', modelVersion: 'v9', previous: undefined },
        ],
        [
          { model: 'xgb', modelVersion: undefined, previous: 'v9' },
          { model: 'lstm', modelVersion: 'v2', previous: 'v1' },
          { model: 'gru', modelVersion: 'v1', previous: undefined },
        ],
      ]);
      expect(ensemble.active('lstm').modelVersion).to.equal('v2');
      expect(codes(ensemble.active('xgb'))).to.deep.equal(['MODEL_UNKNOWN']);
    });

    it('counts a change as applied only when the models are loaded', async () => {
      const live = await liveOf(EnsembleManager.role);
      const loads = new EventTarget();
      using ensemble = new EnsembleManager(live, async ([first]) => {
        if (first?.previous === undefined) return;
        loads.dispatchEvent(new Event('begun'));
        await once(loads, 'done');
      });
      await ensemble.started;
      const begun = once(loads, 'begun');
      const { version } = await world().operator.patch({ modelVersions: { put: { lstm: 'v2' } } });
      await begun;

      const before = await world().operator.waitApplied(version, {
        components: ['ensemble_manager'],
        timeoutMs: 50,
      });
      loads.dispatchEvent(new Event('done'));
      const after = await world().operator.waitApplied(version, { components: ['ensemble_manager'] });

      expect([before.appliedEverywhere, after.appliedEverywhere]).to.deep.equal([false, true]);
      expect(ensemble.active('lstm').version).to.deep.equal(version);
    });

    it('tells again of each model that it failed on, also of one that is then as it was before', async () => {
      const told: (readonly ModelChange[])[] = [];
      const live = await liveOf(EnsembleManager.role);
      using ensemble = new EnsembleManager(live, (changes) => {
        told.push(changes);
        if (changes.some(({ model }) => model === 'gru') && told.length < 4) throw new Error('out of memory');
      });

      const versions = (modelVersions: Record<string, string>) => (operator: PolicyClient) =>
        operator.patch({ modelVersions: { clear: true, put: modelVersions } });
      await changed(live, versions({ lstm: 'v2', xgb: 'v9', gru: 'v1' }));
      await changed(live, versions({ lstm: 'v1', xgb: 'v9' }));
      await changed(live, versions({ lstm: 'v1', xgb: 'v9', tcn: 'v1' }));
      await changed(live, (operator) => operator.patch({ maxPositions: 6 }));

      const gone = { model: 'gru', modelVersion: undefined, previous: undefined };
      const asBefore = { model: 'lstm', modelVersion: 'v1', previous: 'v1' };
      expect(told.slice(1)).to.deep.equal([
        [
          { model: 'lstm', modelVersion: 'v2', previous: 'v1' },
          { model: 'gru', modelVersion: 'v1', previous: undefined },
        ],
        [gone, asBefore],
        [gone, asBefore, { model: 'tcn', modelVersion: 'v1', previous: undefined }],
      ]);
      expect(ensemble.active('tcn').modelVersion).to.equal('v1');
    });
  });

  describe('Executor', () => {
    const entry: Entry = { ...ENTRY };

    it('decides on a live policy', async () => {
      const live = await liveOf(Executor.role);
      const executor = new Executor(live);
      expect(await executor.authorize(entry)).to.equal(live.current.approval);

      await changed(live, (operator) => operator.override({ reason: 'drawdown' }));

      expect(codes(await executor.authorize(entry))).to.include('TRADING_REDUCE_ONLY');
      expect((await executor.authorize({ kind: 'exit' })).allowed).to.be.true;
      expect(executor.lastError).to.be.undefined;
    });

    it('asks for the policy per trade, and so sees each change at once', async () => {
      const executor = new Executor(world().client(Executor.role));
      for (let i = 0; i < 5; i += 1) {
        const { version } = await world().operator.patch({
          maxPositions: 10 + i,
          globalMinConfidence: i / 10,
        });
        expect((await executor.authorize(entry)).version).to.deep.equal(version);
      }
      const { version } = await world().operator.override({ reason: 'drawdown' });

      const decision = await executor.authorize(entry);

      expect(decision.version).to.deep.equal(version);
      expect(codes(decision)).to.deep.equal([
        'TRADING_REDUCE_ONLY',
        'STRATEGY_NOT_ALLOWED',
        'MAX_POSITIONS_REACHED',
      ]);
      expect(codes(await executor.authorize(null as unknown as Trade))).to.deep.equal(['INVALID_INPUT']);
    });

    it('denies entries where no server answers, and lets out of positions', async () => {
      const proxy = await startProxy({ port: Number(world().server.address.split(':')[1]) });
      const client = new PolicyClient({ addresses: `${proxy.host}:${proxy.port}`, deadlineMs: 200 });
      try {
        const executor = new Executor(client);
        proxy.blackhole(true);
        expect(codes(await executor.authorize(entry))[0]).to.equal('POLICY_STALE');
        expect((await executor.authorize({ kind: 'exit' })).allowed).to.be.true;
        expect(executor.lastError?.code).to.be.oneOf(['DEADLINE_EXCEEDED', 'UNAVAILABLE']);

        proxy.blackhole(false);
        proxy.cut();
        const approved = await executor.authorize(entry, { deadlineMs: 30_000 });
        expect(approved.allowed).to.be.true;
        expect(executor.lastError).to.be.undefined;

        // Within the lease of what it was just told: a stop that it cannot hear of must hold.
        proxy.blackhole(true);
        const denied = await executor.authorize(entry);
        expect(codes(denied)).to.deep.equal(['POLICY_STALE']);
        expect(denied.version).to.deep.equal(approved.version);
        expect((await executor.authorize({ kind: 'reduction' })).allowed).to.be.true;
      } finally {
        client.close();
        await proxy.close();
      }
    });

    it('keeps to a halt that it saw when no server answers any more, but for cancels', async () => {
      const client = world().client(Executor.role);
      const executor = new Executor(client);
      await world().operator.override({
        limits: { tradingState: HALTED },
        name: 'halt',
        reason: 'wrong prices',
      });
      await executor.authorize(entry);
      client.close();

      expect(codes(await executor.authorize({ kind: 'exit' }))).to.deep.equal(['TRADING_HALTED']);
      expect((await executor.authorize({ kind: 'cancel' })).allowed).to.be.true;
      expect(executor.lastError).to.be.instanceOf(PolicyStoreError);
    });

    it('asks nobody for a cancel', async () => {
      const client = world().client(Executor.role);
      client.close();
      const executor = new Executor(client);

      expect((await executor.authorize({ kind: 'cancel' })).allowed).to.be.true;
      expect(executor.lastError).to.be.undefined;
    });

    it('decides on the newest answer, whichever comes first', async () => {
      const asked: ((revision: number) => void)[] = [];
      const asks = new EventEmitter();
      const maps = {
        oppRankings: new Map(Object.entries(POLICY.oppRankings)),
        modelVersions: new Map(Object.entries(POLICY.modelVersions)),
      };
      const server = await startScriptedServer({
        get: (call, answer) => {
          asked.push((revision) => {
            const tradingState = revision === 2 ? REDUCE_ONLY : ACTIVE;
            const policy = GlobalPolicy.fromPartial({ ...POLICY, ...maps, tradingState });
            const validFor = { seconds: 60, nanos: 0 };
            answer(null, GetResponse.fromPartial({ policy, version: { epoch: 'e', revision }, validFor }));
          });
          asks.emit('asked');
        },
      });
      const client = new PolicyClient({ addresses: server.address });
      try {
        for (const order of [[0, 1] as const, [1, 0] as const]) {
          const executor = new Executor(client);
          const decisions: Promise<Decision>[] = [];
          while (decisions.length < order.length) {
            const isAsked = once(asks, 'asked');
            decisions.push(executor.authorize(entry));
            await isAsked;
          }
          // The stop comes with the answer to one of them, then the other one is answered from before it.
          const [first, second] = order;
          const [answerFirst, answerSecond] = [asked[first]!, asked[second]!];
          answerFirst(2);
          expect(codes(await decisions[first]!)).to.deep.equal(['TRADING_REDUCE_ONLY']);
          answerSecond(1);
          const late = await decisions[second]!;
          expect([late.version.revision, ...codes(late)]).to.deep.equal([2, 'TRADING_REDUCE_ONLY']);
          asked.length = 0;
        }
      } finally {
        client.close();
        await server.close();
      }
    });

    it('cannot decide on the base, in which no stop counts', async () => {
      await world().operator.override({ reason: 'drawdown' });
      const base = await world().operator.get({ view: View.BASE });

      expect(() => viewOf(base)).to.throw(TypeError, 'without overrides');
      const effective = viewOf(await world().operator.get({ view: View.EFFECTIVE }));
      expect(codes(authorizeTrade(effective, entry))).to.include('TRADING_REDUCE_ONLY');
      expect(viewOf(await world().operator.get()).policy).to.deep.equal(effective.policy);
    });

    it('passes an abort on', async () => {
      const executor = new Executor(world().client(Executor.role));
      const reason = new Error('the order was taken back');

      expect(
        await rejection(executor.authorize(entry, { signal: AbortSignal.abort(reason) }), Error),
      ).to.equal(reason);
    });
  });
});

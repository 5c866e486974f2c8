import {
  ContinuousLearningManager,
  HealthMonitor,
  type JsonObject,
  OpportunityRanker,
  PolicyStoreError,
  StrategyGenerator,
} from '@policystore/client';
import { expect } from 'chai';
import fc from 'fast-check';

import { mergeDiff } from '../../../clients/typescript/src/components/health-monitor.js';
import { useComponentWorld } from '../../support/component-world.js';
import { rejection } from '../../support/rejection.js';

describe('components that write', () => {
  const world = useComponentWorld();

  describe('OpportunityRanker', () => {
    const ranker = (topN?: number) => new OpportunityRanker(world().client(OpportunityRanker.role), { topN });

    it('replaces rankings and allowed symbols in one change, of equal scores by name', async () => {
      await world().operator.patch({ allowedSymbols: ['OLD'], oppRankings: { put: { OLD: 1 } } });

      await ranker(3).observe({ SOL: 0.5, BTC: 0.9, ADA: 0.5, ETH: 0.9, XRP: 0.1 });

      const { allowedSymbols, oppRankings } = await world().base();
      expect(allowedSymbols).to.deep.equal(['BTC', 'ETH', 'ADA']);
      expect([...oppRankings.keys()]).to.have.members(['SOL', 'BTC', 'ADA', 'ETH', 'XRP']);
      const [, change, ...more] = await world().changes();
      expect(more).to.be.empty;
      expect(change).to.include({
        actor: 'opportunity_ranker',
        reason: '5 symbols ranked, 3 of them may be traded',
      });
      expect(change!.fields.map(({ field }) => field)).to.have.members(['opp_rankings', 'allowed_symbols']);
    });

    it('takes a Map, and what hostile names it has', async () => {
      await ranker(2).observe(
        new Map([
          ['toString', 0.5],
          ['a:b', 0.6],
        ]),
      );

      expect((await world().base()).allowedSymbols).to.deep.equal(['a:b', 'toString']);
      await rejection(ranker().observe(new Map([['__proto__', 0.5]])), PolicyStoreError);
    });

    it('writes nothing where it is so already', async () => {
      const scores = { BTC: 0.9, ETH: 0.8 };
      await ranker().observe(scores);

      expect(await ranker().observe({ ETH: 0.8, BTC: 0.9 })).to.be.undefined;
      expect(await world().changes()).to.have.lengthOf(1);
    });

    it('lets nothing be traded when nothing is ranked, or topN is 0', async () => {
      await ranker().observe({ BTC: 0.9 });
      await ranker(0).observe({ BTC: 0.9, ETH: 0.1 });
      expect((await world().base()).allowedSymbols).to.be.empty;

      await ranker().observe({});
      expect((await world().base()).oppRankings.size).to.equal(0);
    });

    it('replaces the base also while a ban hides a part of it', async () => {
      await ranker().observe({ BTC: 0.9, ETH: 0.8 });
      await world().operator.override({ name: 'ban', limits: { blockSymbols: ['BTC'] }, reason: 'venue' });

      await ranker().observe({ BTC: 0.9, SOL: 0.8 });

      expect((await world().effective()).allowedSymbols).to.deep.equal(['SOL']);
      await world().operator.restore('ban');
      expect((await world().effective()).allowedSymbols).to.deep.equal(['BTC', 'SOL']);
    });

    it('changes nothing where one score is none, and tells of all of them', async () => {
      const error = await rejection(ranker().observe({ BTC: NaN, ETH: 2, SOL: 0.5 }), PolicyStoreError);

      expect(error.violations.map(({ field }) => field)).to.have.members([
        'opp_rankings.BTC',
        'opp_rankings.ETH',
      ]);
      expect(await world().changes()).to.be.empty;
      for (const topN of [-1, 1.5, NaN, 10_001]) expect(() => ranker(topN)).to.throw(RangeError);
    });
  });

  describe('ContinuousLearningManager', () => {
    const result = { model: 'lstm', candidate: 'v2', shadowMetric: 0.6, productionMetric: 0.5, samples: 200 };
    const manager = (options = {}) =>
      new ContinuousLearningManager(world().client(ContinuousLearningManager.role), {
        margin: 0.1,
        minSamples: 200,
        ...options,
      });

    const table: [what: string, changed: Partial<typeof result>, options: object, wins: boolean][] = [
      ['better by the margin, over enough samples', {}, {}, true],
      ['better by less than the margin', { shadowMetric: 0.599 }, {}, false],
      ['over a sample too few', { samples: 199 }, {}, false],
      ['equal, without a margin', { shadowMetric: 0.5 }, { margin: 0 }, false],
      ['a little better, without a margin', { shadowMetric: 0.5000001 }, { margin: 0 }, true],
      ['worse', { shadowMetric: 0.4 }, { margin: 0 }, false],
      ['less of a loss', { shadowMetric: -0.2, productionMetric: -0.5 }, {}, true],
    ];

    for (const [what, changed, options, wins] of table) {
      it(`${wins ? 'promotes' : 'leaves'} a candidate that is ${what}`, async () => {
        await world().operator.patch({ modelVersions: { put: { lstm: 'v1', xgb: 'v9' } } });

        const write = await manager(options).observe({ ...result, ...changed });

        expect(write !== undefined).to.equal(wins);
        expect((await world().base()).modelVersions).to.deep.equal(
          new Map([
            ['lstm', wins ? 'v2' : 'v1'],
            ['xgb', 'v9'],
          ]),
        );
      });
    }

    it('tells why, and promotes a version only once', async () => {
      await manager().observe(result);
      expect(await manager().observe(result)).to.be.undefined;

      const changes = await world().changes();
      expect(changes).to.have.lengthOf(1);
      expect(changes[0]).to.include({
        actor: 'continuous_learning',
        reason: 'lstm v2 has 0.6 and none 0.5 over 200 samples',
      });
    });

    it('refuses what is no metric, no count and no option', async () => {
      for (const bad of [
        { shadowMetric: NaN },
        { productionMetric: Infinity },
        { samples: -1 },
        { samples: NaN },
      ]) {
        await rejection(manager().observe({ ...result, ...bad }), RangeError);
      }
      for (const bad of [{ margin: -1 }, { margin: NaN }, { minSamples: 0 }, { minSamples: 1.5 }]) {
        expect(() => manager(bad)).to.throw(RangeError);
      }
      expect(() => manager({ minSample: 3 })).to.throw(TypeError, 'minSamples');
    });
  });

  describe('StrategyGenerator', () => {
    const generator = () => new StrategyGenerator(world().client(StrategyGenerator.role));

    it('promotes and demotes in one change', async () => {
      await generator().promote('trend', 'a start');
      await generator().change({ promote: ['carry', 'pairs'], demote: ['trend', 'unknown'] }, 'a better one');
      await generator().demote('pairs', 'lost');

      expect((await world().base()).allowedStrategies).to.deep.equal(['carry']);
      const changes = await world().changes();
      expect(changes.map(({ actor, reason }) => `${actor}: ${reason}`)).to.deep.equal([
        'strategy_generator: a start',
        'strategy_generator: a better one',
        'strategy_generator: lost',
      ]);
    });

    it('loses nothing when many do so at the same time', async () => {
      const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
      await Promise.all(names.map((name) => generator().promote(name, 'at once')));
      await Promise.all(names.slice(5).map((name) => generator().demote(name, 'at once')));

      expect((await world().base()).allowedStrategies).to.have.members(names.slice(0, 5));
    });

    it('keeps what an override hides', async () => {
      await generator().promote('trend', 'a start');
      await world().operator.override({ reason: 'drawdown' });
      await generator().promote('carry', 'meanwhile');

      expect((await world().effective()).allowedStrategies).to.be.empty;
      await world().operator.restore();
      expect((await world().effective()).allowedStrategies).to.deep.equal(['trend', 'carry']);
    });

    it('writes nothing where it is so already', async () => {
      await generator().promote('trend', 'a start');
      await generator().promote('trend', 'again');
      await generator().demote('carry', 'it never was');
      await generator().change({}, 'nothing');

      expect(await world().changes()).to.have.lengthOf(1);
    });

    it('refuses a name that is in both, and a text for a list', async () => {
      await rejection(generator().change({ promote: ['a'], demote: ['a'] }, 'x'), TypeError);
      await rejection(generator().change({ promote: 'abc' as unknown as string[] }, 'x'), TypeError);
      expect(await world().changes()).to.be.empty;
    });
  });

  describe('HealthMonitor', () => {
    const monitor = () => new HealthMonitor(world().client(HealthMonitor.role));
    const health = async () => JSON.parse(JSON.stringify((await world().base()).systemHealth)) as JsonObject;

    it('merges by component, and removes those that are gone', async () => {
      await monitor().observe({ feed: { ok: true, latency: { p50: 3, p99: 9 } }, broker: { ok: true } });
      await monitor().observe({
        feed: { ok: true, latency: { p50: 4 } },
        risk: { ok: false, why: ['late'] },
      });

      expect(await health()).to.deep.equal({
        feed: { ok: true, latency: { p50: 4 } },
        risk: { ok: false, why: ['late'] },
      });
      const changes = await world().changes();
      expect(changes.map(({ actor, reason }) => `${actor}: ${reason}`)).to.deep.equal([
        'health_monitor: health of feed, broker',
        'health_monitor: health of broker is gone, feed, risk',
      ]);
    });

    it('writes nothing where it is so already', async () => {
      const now = { feed: { ok: true, list: [1, { a: 2 }] }, empty: {} };
      await monitor().observe(now);

      expect(await monitor().observe(structuredClone(now))).to.be.undefined;
      expect(await world().changes()).to.have.lengthOf(1);
    });

    it('says shortly what many components are', async () => {
      const many = Object.fromEntries(
        Array.from({ length: 500 }, (_, i) => [`component-${i}`, { ok: true }]),
      );
      await monitor().observe(many);

      expect((await world().changes())[0]!.reason).to.have.length.within(900, 1024);
    });

    it('passes on what the server refuses', async () => {
      const hostile = JSON.parse('{"feed":{"__proto__":{"ok":true}}}') as Record<string, JsonObject>;
      await rejection(monitor().observe(hostile), PolicyStoreError);
      await rejection(monitor().observe({ feed: { latency: NaN } }), PolicyStoreError);
      expect(await world().changes()).to.be.empty;
    });

    it('makes the merge patch from any object to any other', () => {
      const arbJson = fc.letrec<{ value: JsonObject[string]; object: JsonObject }>((tie) => ({
        value: fc.oneof(fc.constantFrom(0, 1, 'x', true, [1], [{ a: 1 }]), tie('object')),
        object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'toString'), tie('value'), { maxKeys: 3 }),
      })).object;
      fc.assert(
        fc.property(arbJson, arbJson, (from, to) => {
          const patch = mergeDiff(from, to);
          expect(merge(from, patch)).to.deep.equal(merge({}, to));
          expect(Object.keys(mergeDiff(to, to))).to.be.empty;
        }),
        { numRuns: 2000 },
      );
    });
  });
});

/** RFC 7396, as its pseudocode has it. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result = { ...(typeof target === 'object' && !Array.isArray(target) ? target : {}) } as Record<
    string,
    unknown
  >;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(Object.hasOwn(result, key) ? result[key] : undefined, value);
  }
  return result;
}

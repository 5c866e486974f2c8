import {
  ChangeKind,
  type HistoryEntry,
  PolicyClient,
  PolicyStoreError,
  RiskMode,
  TradingState,
} from '@policystore/client';
import { expect } from 'chai';

import { canonical } from '../support/canonical.js';
import { closeAfterEach } from '../support/closing.js';
import { rejection } from '../support/rejection.js';
import { startServer, type TestServer } from '../support/server.js';

const STRATEGIES = ['trend', 'carry'];

describe('PolicyClient against the server: stop, restore, look back', () => {
  const keep = closeAfterEach();
  let server: TestServer;
  let officer: PolicyClient;
  let controller: PolicyClient;

  beforeEach(async () => {
    server = keep(await startServer(), (it) => it.close());
    [officer, controller] = ['safety_governor', 'msc_ai'].map((name) =>
      keep(new PolicyClient({ addresses: server.address, name }), (it) => {
        it.close();
      }),
    ) as [PolicyClient, PolicyClient];
    await officer.update({ allowedStrategies: STRATEGIES, maxPositions: 5 });
  });

  async function list(...[options]: Parameters<PolicyClient['history']>): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = [];
    for await (const entry of officer.history(options)) entries.push(entry);
    return entries;
  }

  it('stops trading until it is restored, whatever a controller writes meanwhile', async () => {
    const stop = await officer.override({ reason: 'drawdown' });
    const write = await controller.patch({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    const { policy: stopped } = await controller.get();
    const calm = await officer.restore('circuit-breaker', { reason: 'all clear' });
    const { policy } = await controller.get();

    expect(stop.addresses.map(({ address, outcome }) => [address, outcome])).to.deep.equal([
      [server.address, 'committed'],
    ]);
    expect(stop.pending).to.equal(false);
    expect(stop.override).to.include({
      name: 'circuit-breaker',
      actor: 'safety_governor',
      reason: 'drawdown',
    });
    expect(write.maskedFields).to.have.members(['risk_mode', 'max_positions']);
    expect(stopped).to.deep.include({
      tradingState: TradingState.REDUCE_ONLY,
      riskMode: RiskMode.DEFENSIVE,
      maxPositions: 3,
      allowedStrategies: [],
    });
    expect(stopped.overrides.map(({ name }) => name)).to.deep.equal(['circuit-breaker']);
    expect(calm.patch).to.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    expect(policy).to.deep.include({
      tradingState: TradingState.ACTIVE,
      riskMode: RiskMode.AGGRESSIVE,
      maxPositions: 12,
      allowedStrategies: STRATEGIES,
      overrides: [],
    });
  });

  it('answers who changed a field, when and why, and what was in force', async () => {
    await controller.patch({ maxPositions: 12 }, { reason: 'calm market' });
    await controller.patch({ riskMode: RiskMode.AGGRESSIVE });
    await officer.override({ name: 'news', limits: { maxPositions: 2 }, reason: 'rates', ttlMs: 7_200_000 });

    const today = new Date(new Date().setHours(0, 0, 0, 0));
    const entries = await list({ fields: ['max_positions'], from: today, pageSize: 1 });

    expect(entries.map(({ kind, actor, reason }) => [kind, actor, reason])).to.deep.equal([
      [ChangeKind.OVERRIDE, 'safety_governor', 'rates'],
      [ChangeKind.PATCH, 'msc_ai', 'calm market'],
      [ChangeKind.CREATE, 'system', 'namespace created'],
    ]);
    const [news, patch] = entries as [HistoryEntry, HistoryEntry, HistoryEntry];
    expect(patch.fields).to.deep.equal([{ field: 'max_positions', before: 5, after: 12 }]);
    expect(patch.commitTime.getTime()).to.be.within(today.getTime(), Date.now() + 1);
    expect(news.fields).to.deep.equal([]);
    expect(news.effectivePatch.maxPositions).to.equal(2);
    expect(news.overrides?.after.map(({ name, limits }) => [name, limits?.maxPositions])).to.deep.equal([
      ['news', 2],
    ]);

    const before = await officer.revision(patch.version);
    expect(before.effective.maxPositions).to.equal(12);
    const now = await officer.revision(news.version);
    expect(now.base.maxPositions).to.equal(12);
    expect(canonical(now.effective)).to.equal(canonical((await officer.get()).policy));
    expect(now.entry.reason).to.equal('rates');
    const later = await officer.revision({ time: new Date(news.commitTime.getTime() + 1) });
    expect(later.version).to.deep.equal(news.version);
  });

  it('finds a change by the time that it shows', async () => {
    await controller.patch({ maxPositions: 12 }, { reason: 'this one' });
    const [{ commitTime }] = (await list({ actor: 'msc_ai' })) as [HistoryEntry];

    const found = await list({ from: commitTime, to: commitTime, actor: 'msc_ai' });

    expect(found.map(({ reason }) => reason)).to.deep.equal(['this one']);
  });

  it('rolls some fields or all of them back, and never an override', async () => {
    const good = await controller.patch({ maxPositions: 7 }, { reason: 'good' });
    await controller.patch({ maxPositions: 90, riskMode: RiskMode.AGGRESSIVE }, { reason: 'bad deploy' });
    await officer.override({ name: 'news', limits: { blockSymbols: ['BTC'] }, reason: 'rates' });

    const some = await officer.rollback(good.version, { fields: ['max_positions'], reason: 'undo' });
    expect(some.patch.maxPositions).to.equal(7);
    expect((await officer.get()).policy).to.include({ maxPositions: 7, riskMode: RiskMode.AGGRESSIVE });

    await officer.rollback(good.version.revision, { reason: 'undo the rest' });
    const { policy } = await officer.get();
    expect(policy).to.include({ maxPositions: 7, riskMode: RiskMode.NORMAL });
    expect(policy.overrides.map(({ name }) => name)).to.deep.equal(['news']);

    const [last] = await list({ kinds: [ChangeKind.ROLLBACK] });
    expect(last).to.deep.include({ actor: 'safety_governor', reason: 'undo the rest' });
    expect(last?.rollbackTo).to.deep.equal(good.version);
  });

  it('tells refusals apart', async () => {
    await officer.override({ reason: 'drawdown' });
    const { version } = await officer.get();
    const refused: [Promise<unknown>, string][] = [
      [officer.override({ limits: { maxPositions: 9 }, reason: 'loosen' }), 'OVERRIDE_LOOSENS'],
      [officer.override({ name: 'x', reason: '' }), 'VALIDATION_FAILED'],
      [officer.override({ name: 'x', limits: {}, reason: 'nothing' }), 'VALIDATION_FAILED'],
      [officer.override({ name: 'x', reason: 'at once over', ttlMs: 0 }), 'VALIDATION_FAILED'],
      [officer.restore('nobody'), 'OVERRIDE_UNKNOWN'],
      [officer.rollback(version.revision + 1), 'REVISION_UNKNOWN'],
      [officer.rollback({ epoch: 'other', revision: 1 }), 'EPOCH_UNKNOWN'],
      [officer.revision({ revision: version.revision + 1 }), 'REVISION_UNKNOWN'],
      [officer.revision({ time: new Date(Date.now() + 3_600_000) }), 'REVISION_UNKNOWN'],
      [list({ fields: ['max_position' as 'max_positions'] }), 'VALIDATION_FAILED'],
      [controller.patch({ allowedStrategies: ['trend'] }), 'FIELD_MASKED'],
    ];

    const errors = await Promise.all(refused.map(([call]) => rejection(call, PolicyStoreError)));
    expect(errors.map(({ reason }) => reason)).to.deep.equal(refused.map(([, reason]) => reason));
    expect((await officer.get()).version).to.deep.equal(version);
  });

  it('shows a watch every stop, exactly', async () => {
    const watch = controller.watch();
    await watch.next();

    await officer.override({ reason: 'drawdown' });
    const stopped = (await watch.next()).value!;
    await controller.patch({ maxPositions: 12 });
    const masked = (await watch.next()).value!;
    await officer.restore();
    const calm = (await watch.next()).value!;

    expect(stopped.cause).to.include({ kind: ChangeKind.OVERRIDE, reason: 'drawdown' });
    expect(stopped).to.include({ kind: 'change', tradingState: TradingState.REDUCE_ONLY });
    expect(stopped.policy).to.deep.include({ maxPositions: 3, allowedStrategies: [] });
    expect(masked.policy.maxPositions).to.equal(3);
    expect(canonical(calm.policy)).to.equal(canonical((await controller.get()).policy));
    expect(watch.gaps).to.equal(0);
  });

  it('brings a revision of the largest policies, with the change that made it', async () => {
    const name = 'x'.repeat(80);
    const scores = (score: number) =>
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`${name}${i}`, score]));
    await controller.patch({ oppRankings: { put: scores(0.25) } });
    const { version } = await controller.patch({ oppRankings: { put: scores(0.5) } });

    const { base, entry } = await officer.revision(version);
    expect(base.oppRankings.get(`${name}9999`)).to.equal(0.5);
    expect(entry.fields.map(({ field }) => field)).to.deep.equal(['opp_rankings']);
  });
});

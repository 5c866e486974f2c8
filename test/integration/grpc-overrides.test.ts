import { status } from '@grpc/grpc-js';
import {
  ChangeKind,
  Delivery,
  GetRequest,
  GetRevisionRequest,
  HistoryServiceService,
  Limits,
  ListChangesRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService,
  RestoreRequest,
  RiskMode,
  TradingState,
  UpdateRequest,
  View,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { ask, failure, startServer, type TestServer, watch } from '../support/server.js';

const { get, patch, update } = PolicyServiceService;
const { listChanges, getRevision } = HistoryServiceService;

/** Enum numbers that the contract does not have. */
const UNKNOWN = 9 as never;

describe('overrides over gRPC', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(() => server.close());

  const read = async (view: View = View.EFFECTIVE) =>
    (await ask(server.client, get, { ...GetRequest.create(), view })).policy!;
  const override = (request: Partial<OverrideRequest>) =>
    ask(server.client, PolicyServiceService.override, { ...OverrideRequest.create(), ...request });
  const restore = (request: Partial<RestoreRequest>) =>
    ask(server.client, PolicyServiceService.restore, { ...RestoreRequest.create(), ...request });
  const write = (fields: Partial<PolicyPatch>, rest: Partial<PatchRequest> = {}) =>
    ask(server.client, patch, {
      ...PatchRequest.create(),
      ...rest,
      patch: { ...PolicyPatch.create(), ...fields },
    });
  const limits = (given: Partial<Limits>): Limits => ({ ...Limits.create(), ...given });
  const changes = async () => {
    const { entries } = await ask(server.client, listChanges, ListChangesRequest.create());
    return entries.map(({ change }) => change!);
  };
  const strategies = (...names: string[]) => ({ clear: false, remove: [], add: names });

  it('stop all trading by one call, over every routine write, and give it back by another', async () => {
    await write({ allowedStrategies: strategies('trend') });
    const stop = await override({ reason: 'flash crash' });
    expect(stop.override).to.deep.include({
      name: 'circuit-breaker',
      reason: 'flash crash',
      actor: 'anonymous',
      until: undefined,
      pending: false,
    });
    expect(stop.patch).to.include({ riskMode: RiskMode.DEFENSIVE, maxPositions: 3 });

    const routine = await write({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    expect(routine.maskedFields).to.deep.equal(['risk_mode', 'max_positions']);
    expect(await read()).to.deep.include({
      riskMode: RiskMode.DEFENSIVE,
      maxPositions: 3,
      allowedStrategies: [],
      tradingState: TradingState.REDUCE_ONLY,
      overrides: [stop.override],
    });
    expect(await read(View.BASE)).to.deep.include({
      riskMode: RiskMode.AGGRESSIVE,
      maxPositions: 12,
      allowedStrategies: ['trend'],
    });

    const over = await restore({ reason: 'calm' });
    expect(over.patch).to.deep.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    expect(await read()).to.deep.include({
      riskMode: RiskMode.AGGRESSIVE,
      maxPositions: 12,
      allowedStrategies: ['trend'],
      tradingState: TradingState.ACTIVE,
      overrides: [],
    });
    const [restored, , tripped] = await changes();
    expect(tripped).to.deep.include({ kind: ChangeKind.OVERRIDE, reason: 'flash crash' });
    expect(tripped!.overrides).to.deep.equal({ before: [], after: [stop.override] });
    expect(restored!.overrides).to.deep.equal({ before: [stop.override], after: [] });
    const revision = routine.version!.revision;
    const past = await ask(server.client, getRevision, {
      ...GetRevisionRequest.create(),
      at: { $case: 'revision', value: revision },
    });
    expect(past.effective).to.deep.include({ maxPositions: 3, overrides: [stop.override] });
    expect(past.base).to.include({ maxPositions: 12, riskMode: RiskMode.AGGRESSIVE });
  });

  it('reach watchers as patches of the effective policy, whatever their filter', async () => {
    const all = watch(server.client, { delivery: Delivery.PATCHES });
    const one = watch(server.client, { delivery: Delivery.PATCHES, fields: ['model_versions'] });
    await Promise.all([all.next(), one.next()]);
    const { override: stop, version } = await override({ reason: 'why' });
    const told = await all.next();
    expect(told).to.deep.include({ version, tradingState: TradingState.REDUCE_ONLY, overrides: [stop] });
    expect(told.event).to.have.nested.property('value.maxPositions', 3);
    expect(await one.next()).to.deep.include({
      version,
      tradingState: TradingState.REDUCE_ONLY,
      overrides: [stop],
    });
    all.cancel();
    one.cancel();
  });

  it('end by themselves after their ttl, by a change of the system', async () => {
    const seconds = 1;
    const { override: ban } = await override({
      name: 'ban',
      limits: limits({ blockSymbols: ['BTCUSDT'] }),
      reason: 'listing',
      ttl: { seconds, nanos: 0 },
    });
    expect(ban!.until!.seconds - ban!.since!.seconds).to.equal(seconds);
    const stream = watch(server.client, { delivery: Delivery.PATCHES });
    expect((await stream.next()).overrides).to.deep.equal([ban]);
    expect((await stream.next()).overrides).to.deep.equal([]);
    stream.cancel();
    expect((await changes())[0]).to.include({ kind: ChangeKind.EXPIRE, actor: 'system' });
  });

  it('may block names that nobody uses yet', async () => {
    await override({ name: 'ban', limits: limits({ blockSymbols: ['NEWCOIN'] }), reason: 'risk' });
    const { maskedFields } = await write({ allowedSymbols: strategies('NEWCOIN', 'BTCUSDT') });
    expect(maskedFields).to.deep.equal(['allowed_symbols']);
    expect((await read()).allowedSymbols).to.deep.equal(['BTCUSDT']);
  });

  it('answer a dry run with the policy that would be, and change nothing', async () => {
    const tried = await override({ reason: 'drill', validateOnly: true });
    expect(tried.policy).to.include({ maxPositions: 3, tradingState: TradingState.REDUCE_ONLY });
    expect((await read()).overrides).to.deep.equal([]);
    await override({ reason: 'real' });
    const { policy } = await restore({ validateOnly: true });
    expect(policy).to.include({ maxPositions: 5, tradingState: TradingState.ACTIVE });
    expect((await read()).overrides).to.have.lengthOf(1);
  });

  it('are committed once, however often the same request comes', async () => {
    const request = { reason: 'once', requestId: 'r-1' };
    const first = await override(request);
    const again = await override(request);
    expect(again).to.deep.include({ version: first.version, override: first.override, replayed: true });
    expect(await changes()).to.have.lengthOf(2);
  });

  it('keep a list that they mask from being replaced by somebody who did not see it', async () => {
    await write({ allowedStrategies: strategies('trend', 'carry') });
    await override({ reason: 'why' });
    const replaced = { ...(await read()), overrides: [] };
    const blind = await failure(ask(server.client, update, { ...UpdateRequest.create(), policy: replaced }));
    expect(blind).to.include({ code: status.FAILED_PRECONDITION, reason: 'FIELD_MASKED' });
    expect(blind.message).to.include('allowed_strategies').and.to.include('BASE');
    expect((await read(View.BASE)).allowedStrategies).to.deep.equal(['trend', 'carry']);
  });

  describe('are refused, and nothing changes,', () => {
    const invalid: [what: string, request: Partial<OverrideRequest>, fields: string[]][] = [
      ['without a reason', {}, ['reason']],
      ['with a reason of spaces', { reason: ' \t' }, ['reason']],
      ['with a ttl of zero', { reason: 'r', ttl: { seconds: 0, nanos: 0 } }, ['ttl']],
      ['with a ttl in the past', { reason: 'r', ttl: { seconds: -1, nanos: 0 } }, ['ttl']],
      ['with a ttl without end', { reason: 'r', ttl: { seconds: 1e12, nanos: 0 } }, ['ttl']],
      ['with limits that limit nothing', { reason: 'r', limits: Limits.create() }, ['limits']],
      [
        'with limits that no policy may have',
        { reason: 'r', limits: limits({ maxPositions: 0, maxRiskPerTrade: NaN, tradingState: UNKNOWN }) },
        ['limits.trading_state', 'limits.max_risk_per_trade', 'limits.max_positions'],
      ],
      ['under a name that cannot be shown', { reason: 'r', name: 'a\nb' }, ['name']],
      ['with a request id that is too long', { reason: 'r', requestId: 'x'.repeat(129) }, ['request_id']],
      [
        'with too many names to block',
        { reason: 'r', limits: limits({ blockSymbols: Array.from({ length: 1001 }, (_, i) => `S${i}`) }) },
        ['limits.block_symbols'],
      ],
    ];
    for (const [what, request, fields] of invalid) {
      it(what, async () => {
        const refusal = await failure(override(request));
        expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'VALIDATION_FAILED' });
        expect(refusal.fields).to.deep.equal(fields);
        expect(await changes()).to.have.lengthOf(1);
      });
    }

    it('where they would loosen what is in force under their name', async () => {
      const first = limits({ maxPositions: 2, tradingState: TradingState.HALTED });
      await override({ name: 'desk', limits: first, reason: 'r' });
      const looser = limits({ maxPositions: 4, tradingState: TradingState.HALTED });
      const refusal = await failure(override({ name: 'desk', limits: looser, reason: 'r' }));
      expect(refusal).to.include({ code: status.FAILED_PRECONDITION, reason: 'OVERRIDE_LOOSENS' });
      expect(refusal.message).to.include('max_positions').and.to.not.include('trading_state');
      const ending = await failure(
        override({ name: 'desk', limits: first, reason: 'r', ttl: { seconds: 60, nanos: 0 } }),
      );
      expect(ending).to.include({ reason: 'OVERRIDE_LOOSENS' });
      expect(await changes()).to.have.lengthOf(2);
    });

    it('when they are restored and are not in force, naming those that are', async () => {
      await override({ name: 'desk', limits: limits({ maxPositions: 2 }), reason: 'r' });
      const refusal = await failure(restore({ name: 'dsek' }));
      expect(refusal).to.include({ code: status.NOT_FOUND, reason: 'OVERRIDE_UNKNOWN' });
      expect(refusal.message).to.include('"dsek"').and.to.include('"desk"');
      expect(await failure(restore({}))).to.include({ reason: 'OVERRIDE_UNKNOWN' });
      expect((await read()).overrides).to.have.lengthOf(1);
    });

    it('when they are restored on an expectation that does not hold', async () => {
      const { version } = await override({ reason: 'r' });
      await write({ maxPositions: 50 });
      const refusal = await failure(restore({ expectedVersion: version }));
      expect(refusal).to.include({ code: status.ABORTED, reason: 'VERSION_MISMATCH' });
      const { epoch, revision } = version!;
      const strange = await failure(restore({ expectedVersion: { epoch, revision: -revision } }));
      expect(strange.fields).to.deep.equal(['expected_version.revision']);
      expect((await read()).overrides).to.have.lengthOf(1);
    });
  });

  it('begin a watch no older than the version that it names', async () => {
    const { version } = await write({ maxPositions: 9 });
    const stream = watch(server.client, { minVersion: version });
    expect((await stream.next()).version).to.deep.equal(version);
    stream.cancel();
    const refusal = await failure(watch(server.client, { minVersion: { epoch: '', revision: -1 } }).next());
    expect(refusal.fields).to.deep.equal(['min_version.epoch', 'min_version.revision']);
  });
});

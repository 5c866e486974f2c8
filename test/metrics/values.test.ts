import {
  type AcknowledgeRequest,
  FleetServiceService,
  GetRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService,
  RestoreRequest,
  type WatchRequest,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { Scrape } from '../support/scrape.js';
import { ask, failure, startServer, type TestServer, type TestWatch, watch } from '../support/server.js';

const { get, patch, override, restore } = PolicyServiceService;

const patchOf = (changes: Partial<PolicyPatch>): PatchRequest => ({
  ...PatchRequest.create(),
  patch: { ...PolicyPatch.create(), ...changes },
});

function watchAs(
  server: TestServer,
  component: string,
  parts: Partial<WatchRequest['watcher'] & object> = {},
): TestWatch {
  const watcher = { component, instance: `${component}-1`, acknowledges: true, ...parts };
  return watch(server.client, { watcher });
}

describe('the metrics of a server', () => {
  const keep = closeAfterEach();
  const start = async (...flags: string[]): Promise<TestServer> =>
    keep(await startServer({ flags }), (server) => server.close());
  const scrape = async (server: TestServer): Promise<Scrape> => new Scrape(await server.metrics());

  it('count three Gets as three calls, three reads of their component and three durations', async () => {
    const server = await start();
    for (let i = 0; i < 3; i += 1) {
      await ask(server.client, get, GetRequest.create(), { 'x-policy-client': 'executor' });
    }
    const shown = await scrape(server);
    expect(shown.value('policy_calls_total', { transport: 'grpc', method: 'Get', code: 'OK' })).to.equal(3);
    expect(shown.value('policy_reads_total', { namespace: 'default', component: 'executor' })).to.equal(3);
    const durations = { transport: 'grpc', method: 'Get' };
    expect(shown.value('policy_call_duration_seconds_count', durations)).to.equal(3);
    expect(shown.value('policy_call_duration_seconds_bucket', { ...durations, le: '+Inf' })).to.equal(3);
    expect(shown.value('policy_call_duration_seconds_sum', durations)).to.be.within(0, 3);
  });

  it('count no read where a Get is refused', async () => {
    const server = await start();
    await failure(
      ask(
        server.client,
        get,
        { ...GetRequest.create(), ifVersionNot: { epoch: '', revision: 1 } },
        { 'x-policy-client': 'executor' },
      ),
    );
    expect((await scrape(server)).labelValues('policy_reads_total', 'component')).to.deep.equal([]);
  });

  it('count requests over HTTP by operation and status, whatever their paths say', async () => {
    const server = await start();
    const request = async (path: string, init: RequestInit = {}): Promise<void> => {
      await (await fetch(`http://${server.httpAddress}${path}`, init)).text();
    };
    const as = { 'X-Policy-Client': 'ranker', 'Content-Type': 'application/json' };
    await request('/api/policy', { headers: as });
    await request('/api/policy/risk_mode', { headers: as });
    await request('/api/policy/risk_mode/DEFENSIVE', { method: 'POST', headers: as });
    await request('/api/policy/risk_mode/WILD', { method: 'POST', headers: as });
    await request('/api/policy', { method: 'PATCH', headers: as, body: '{"max_positions":700,"no_such":1}' });
    for (const path of ['/a', '/b', '/c?d']) await request(path);
    await request('/healthz', { headers: { Origin: 'http://evil.example' } });
    const shown = await scrape(server);
    const calls = (method: string, code: string): number | undefined =>
      shown.value('policy_calls_total', { transport: 'http', method, code });
    expect(calls('GET /api/policy', '200')).to.equal(1);
    expect(calls('POST /api/policy/risk_mode/{mode}', '200')).to.equal(1);
    expect(calls('POST /api/policy/risk_mode/{mode}', '400')).to.equal(1);
    expect(calls('PATCH /api/policy', '422')).to.equal(1);
    expect(calls('other', '404')).to.equal(3);
    expect(calls('other', '403')).to.equal(1);
    expect(shown.value('policy_reads_total', { namespace: 'default', component: 'ranker' })).to.equal(2);
    expect(shown.labelValues('policy_validation_failures_total', 'field')).to.have.members([
      'max_positions',
      'other',
    ]);
    const durations = { transport: 'http', method: 'GET /api/policy' };
    expect(shown.value('policy_call_duration_seconds_count', durations)).to.equal(1);
  });

  it('count a watch over HTTP when its reader has left', async () => {
    const server = await start();
    const leave = new AbortController();
    const { body } = await fetch(`http://${server.httpAddress}/api/policy/watch?component=console`, {
      signal: leave.signal,
    });
    await body!.getReader().read();
    const during = await scrape(server);
    const console = { namespace: 'default', component: 'console', state: 'silent' };
    expect(during.value('policy_fleet_watchers', console)).to.equal(1);
    leave.abort();
    const left = { transport: 'http', method: 'GET /api/policy/watch', code: '499' };
    await until(async () => (await scrape(server)).value('policy_calls_total', left) === 1);
  });

  it('tell failed calls by status, and the fields that were wrong', async () => {
    const server = await start();
    await failure(ask(server.client, patch, patchOf({ maxPositions: 700, maxRiskPerTrade: 2 })));
    await failure(ask(server.client, get, { ...GetRequest.create(), namespace: 'nowhere' }));
    const shown = await scrape(server);
    const refused = { transport: 'grpc', method: 'Patch', code: 'INVALID_ARGUMENT' };
    expect(shown.value('policy_calls_total', refused)).to.equal(1);
    expect(
      shown.value('policy_calls_total', { transport: 'grpc', method: 'Get', code: 'NOT_FOUND' }),
    ).to.equal(1);
    for (const field of ['max_positions', 'max_risk_per_trade']) {
      const labels = { field, reason: 'VALIDATION_FAILED' };
      expect(shown.value('policy_validation_failures_total', labels), field).to.equal(1);
    }
  });

  it('count changes by kind and actor, with the batches that they were committed in', async () => {
    const server = await start();
    const as = { 'x-policy-client': 'msc_ai' };
    await ask(server.client, patch, patchOf({ maxPositions: 7 }), as);
    await ask(server.client, patch, patchOf({ maxPositions: 8 }), as);
    await ask(server.client, override, { ...OverrideRequest.create(), reason: 'flash crash' }, as);
    const shown = await scrape(server);
    const by = (kind: string): number | undefined =>
      shown.value('policy_updates_total', { namespace: 'default', kind, actor: 'msc_ai' });
    expect([by('PATCH'), by('OVERRIDE')]).to.deep.equal([2, 1]);
    expect(shown.value('policy_commit_batch_changes_sum', { namespace: 'default' })).to.equal(3);
    expect(shown.value('policy_commit_duration_seconds_count', { namespace: 'default' })).to.equal(3);
    expect(shown.value('policy_head_revision', { namespace: 'default' })).to.equal(4);
    expect(shown.value('policy_store_duration_seconds_count', { operation: 'commit' })).to.be.at.least(3);
    expect(shown.value('policy_store_reached', { namespace: 'default' })).to.equal(1);
    expect(shown.value('policy_lease_left_seconds', { namespace: 'default' })).to.equal(10);
  });

  it('show what is in force, and add up how long each mode and state was', async () => {
    const server = await start();
    await ask(
      server.client,
      patch,
      patchOf({
        allowedStrategies: { clear: false, remove: [], add: ['momentum'] },
        allowedSymbols: { clear: false, remove: [], add: ['BTCUSDT', 'ETHUSDT'] },
      }),
    );
    const inForce = (shown: Scrape): (number | undefined)[] =>
      [
        ...['policy_trading_state_level', 'policy_risk_mode_level', 'policy_overrides_active'],
        ...['policy_allowed_strategies', 'policy_allowed_symbols', 'policy_overrides_pending'],
      ].map((name) => shown.value(name, { namespace: 'default' }));
    const before = await scrape(server);
    expect(inForce(before)).to.deep.equal([3, 2, 0, 1, 2, 0]);
    await ask(server.client, override, { ...OverrideRequest.create(), reason: 'flash crash' });
    const tripped = await scrape(server);
    expect(inForce(tripped)).to.deep.equal([2, 1, 1, 0, 2, 0]);
    await ask(server.client, restore, { ...RestoreRequest.create(), reason: 'it is over' });
    const after = await scrape(server);
    expect(inForce(after)).to.deep.equal(inForce(before));

    const spent = (shown: Scrape, state: string): number =>
      shown.value('policy_trading_state_seconds_total', { namespace: 'default', state }) ?? NaN;
    expect(spent(before, 'REDUCE_ONLY')).to.equal(0);
    expect(spent(after, 'REDUCE_ONLY'))
      .to.be.above(spent(tripped, 'REDUCE_ONLY') / 2)
      .and.above(0);
    expect(spent(after, 'ACTIVE')).to.be.above(spent(before, 'ACTIVE'));
    const defensive = { namespace: 'default', mode: 'DEFENSIVE' };
    expect(after.value('policy_risk_mode_seconds_total', defensive)).to.be.closeTo(
      spent(after, 'REDUCE_ONLY'),
      0.001,
    );
  });

  it('show each component by what its watchers make of the policy, and who of those expected is nowhere', async () => {
    const server = await start('--expected', 'executor:2');
    const executor = watchAs(server, 'executor');
    const silent = watchAs(server, 'dashboard', { acknowledges: false });
    const { watcherId, version } = await executor.next();
    await silent.next();
    const watchers = async (component: string, state: string): Promise<number | undefined> =>
      (await scrape(server)).value('policy_fleet_watchers', { namespace: 'default', component, state });
    expect(await watchers('executor', 'pending')).to.equal(1);
    expect(await watchers('dashboard', 'silent')).to.equal(1);

    const acknowledge = (request: Partial<AcknowledgeRequest>): Promise<unknown> =>
      ask(server.client, FleetServiceService.acknowledge, {
        ...{ namespace: '', watcherId, version, rejection: undefined, pendingSequence: 0, closing: false },
        ...request,
      });
    await acknowledge({});
    expect(await watchers('executor', 'applied')).to.equal(1);
    expect(await watchers('executor', 'pending')).to.equal(0);
    await ask(server.client, patch, patchOf({ maxPositions: 9 }));
    const next = await executor.next();
    await acknowledge({ version: next.version });
    const shown = await scrape(server);
    expect(shown.value('policy_applied_lag_seconds_count', { namespace: 'default' })).to.equal(1);
    expect(shown.value('policy_fleet_missing', { namespace: 'default', component: 'executor' })).to.equal(1);

    await ask(server.client, patch, patchOf({ maxPositions: 10 }));
    await acknowledge({ version: (await executor.next()).version, rejection: 'cannot trade so much' });
    expect(await watchers('executor', 'rejected')).to.equal(1);
    executor.cancel();
    silent.cancel();
    await until(async () => (await watchers('executor', 'lost')) === 1);
    await until(async () => (await watchers('dashboard', 'silent')) === undefined);
    const left = await scrape(server);
    expect(left.value('policy_watchers_lost_total', { namespace: 'default' })).to.equal(1);
    expect(
      left.value('policy_calls_total', { transport: 'grpc', method: 'Watch', code: 'CANCELLED' }),
    ).to.equal(2);
    expect(left.value('policy_fleet_missing', { namespace: 'default', component: 'executor' })).to.equal(2);
  });

  it('count a resync where a watcher asks for changes that are gone', async () => {
    const server = await start();
    const resumed = watch(server.client, { after: { epoch: 'long-ago', revision: 5 } });
    expect((await resumed.next()).resync).to.be.true;
    expect((await scrape(server)).value('policy_resyncs_total', { namespace: 'default' })).to.equal(1);
    resumed.cancel();
  });
});

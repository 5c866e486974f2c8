import { status } from '@grpc/grpc-js';
import {
  Delivery,
  Freshness,
  GetRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
  Preset,
  ResetRequest,
  RiskMode,
  UpdateRequest,
  View,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { ask, failure, startServer, type TestServer, watch } from '../support/server.js';

const { get, patch, update, reset } = methods;

/** Enum numbers that the contract does not have. */
const UNKNOWN = 9 as never;
const NEGATIVE = -1 as never;

function patchOf(fields: Partial<PolicyPatch>, rest: Partial<PatchRequest> = {}): PatchRequest {
  return { ...PatchRequest.create(), ...rest, patch: { ...PolicyPatch.create(), ...fields } };
}

describe('PolicyService over gRPC', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({ flags: ['--namespaces', 'default,paper'] });
  });
  after(() => server.close());

  const read = (request: Partial<GetRequest> = {}) =>
    ask(server.client, get, { ...GetRequest.create(), ...request });

  it('answers Get with the policy, its version and how long it may be believed', async () => {
    const { policy, version, validFor, notModified } = await read();
    expect(policy).to.include({ riskMode: RiskMode.NORMAL, maxPositions: 5 });
    expect(version?.revision).to.be.at.least(1);
    expect(validFor).to.deep.equal({ seconds: 10, nanos: 0 });
    expect(notModified).to.equal(false);
  });

  it('answers a known version with not_modified, and the store on demand', async () => {
    const { version } = await read({ view: View.BASE, freshness: Freshness.STORE });
    const again = await read({ ifVersionNot: version });
    expect(again).to.include({ notModified: true, policy: undefined });
    expect(again.version).to.deep.equal(version);
  });

  it('records who changed what in the log, in one line', async () => {
    const request = patchOf({ maxPositions: 12 }, { reason: 'because' });
    const { version } = await ask(server.client, patch, request, { 'x-policy-client': 'msc_ai' });
    const line = `policy changed: default ${version?.epoch}:${version?.revision} by msc_ai: max_positions 5 -> 12 (because)`;
    expect(server.log.map(({ msg }) => msg)).to.include(line);
  });

  it('serves Update, Reset and validate_only', async () => {
    const updated = await ask(server.client, update, { ...UpdateRequest.create(), namespace: 'paper' });
    expect(updated.patch).to.deep.equal(PolicyPatch.create());
    const request = { ...ResetRequest.create(), namespace: 'paper', preset: Preset.AGGRESSIVE };
    const tried = await ask(server.client, reset, { ...request, validateOnly: true });
    expect(tried.policy).to.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 15 });
    const done = await ask(server.client, reset, request);
    expect(done.patch).to.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 15 });
    const { policy } = await read({ namespace: 'paper' });
    expect(policy).to.include({ riskMode: RiskMode.AGGRESSIVE });
  });

  it('answers an unknown namespace with NOT_FOUND and the known ones, in every call', async () => {
    const failures = await Promise.all([
      failure(read({ namespace: 'live' })),
      failure(ask(server.client, patch, patchOf({}, { namespace: 'live' }))),
      failure(watch(server.client, { namespace: 'live' }).next()),
    ]);
    for (const each of failures) {
      expect(each).to.include({ code: status.NOT_FOUND, reason: 'NAMESPACE_UNKNOWN' });
      expect(each.message).to.include('default, paper');
    }
  });

  it('streams a snapshot, then each change as a patch', async () => {
    const stream = watch(server.client, { delivery: Delivery.PATCHES, namespace: 'paper' });
    const first = await stream.next();
    expect(first.event?.$case).to.equal('snapshot');
    await ask(server.client, patch, patchOf({ maxPositions: 33 }, { namespace: 'paper', reason: 'r' }));
    const second = await stream.next();
    expect(second.event).to.deep.include({ $case: 'patch' });
    expect(second.previous).to.equal(first.version?.revision);
    expect(second.cause).to.include({ actor: 'anonymous', reason: 'r' });
    stream.cancel();
  });

  it('leaves no line in the log for calls that succeed', async () => {
    const before = server.log.length;
    for (let i = 0; i < 10; i += 1) await read();
    expect(server.log).to.have.lengthOf(before);
  });

  it('logs a refused call with method, reason, actor and peer, and not what it carried', async () => {
    const request = patchOf({ maxPositions: 1000, customParams: { key: 'hidden' } });
    await failure(ask(server.client, patch, request, { 'x-policy-client': 'bad_actor' }));
    const record = server.log.at(-1);
    expect(record).to.include({ method: 'Patch', reason: 'VALIDATION_FAILED', actor: 'bad_actor' });
    expect(record?.['peer']).to.match(/^127\.0\.0\.1:\d+$/);
    expect(JSON.stringify(record)).to.not.include('hidden');
  });

  describe('refuses before anything is done', () => {
    const strange = { epoch: '', revision: -1 };
    const refused: [what: string, call: () => Promise<unknown>, fields: string[]][] = [
      [
        'an unknown view and freshness',
        () => read({ view: UNKNOWN, freshness: UNKNOWN }),
        ['view', 'freshness'],
      ],
      ['an unknown view without conditions', () => read({ view: NEGATIVE }), ['view']],
      [
        'an unknown preset',
        () => ask(server.client, reset, { ...ResetRequest.create(), preset: 4 }),
        ['preset'],
      ],
      ['an unknown delivery', () => watch(server.client, { delivery: UNKNOWN }).next(), ['delivery']],
      [
        'an unknown risk mode',
        () => ask(server.client, patch, patchOf({ riskMode: UNKNOWN })),
        ['risk_mode'],
      ],
      [
        'a number that is none',
        () => ask(server.client, patch, patchOf({ maxRiskPerTrade: NaN })),
        ['max_risk_per_trade'],
      ],
      [
        'versions that cannot exist',
        () => read({ ifVersionNot: strange, minVersion: { epoch: 'e', revision: -2 } }),
        ['if_version_not.epoch', 'if_version_not.revision', 'min_version.revision'],
      ],
      [
        'an expected_version without epoch',
        () => ask(server.client, patch, patchOf({}, { expectedVersion: { epoch: '', revision: 0 } })),
        ['expected_version.epoch'],
      ],
      [
        'an after without epoch',
        () => watch(server.client, { after: { epoch: '', revision: 1 } }).next(),
        ['after.epoch'],
      ],
      [
        'a long reason and request_id',
        () =>
          ask(server.client, patch, patchOf({}, { reason: 'x'.repeat(1025), requestId: 'x'.repeat(129) })),
        ['request_id', 'reason'],
      ],
      [
        'a silence below a second',
        () => watch(server.client, { heartbeatInterval: { seconds: 0, nanos: 999_999_999 } }).next(),
        ['heartbeat_interval'],
      ],
      [
        'a silence above a minute',
        () => watch(server.client, { heartbeatInterval: { seconds: 61, nanos: 0 } }).next(),
        ['heartbeat_interval'],
      ],
      [
        'a watcher with a long name',
        () =>
          watch(server.client, {
            watcher: { component: 'x'.repeat(129), instance: 'y'.repeat(129), acknowledges: false },
          }).next(),
        ['watcher.component', 'watcher.instance'],
      ],
    ];
    for (const [what, call, fields] of refused) {
      it(what, async () => {
        const { version } = await read();
        const refusal = await failure(call());
        expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'VALIDATION_FAILED' });
        expect(refusal.fields).to.deep.equal(fields);
        expect((await read()).version).to.deep.equal(version);
      });
    }

    it('fields to watch that do not exist, naming the nearest and the known ones', async () => {
      const refusal = await failure(watch(server.client, { fields: ['max_position', 'risk_mode'] }).next());
      expect(refusal.fields).to.deep.equal(['fields']);
      expect(refusal.descriptions[0])
        .to.include('did you mean max_positions?')
        .and.to.include('custom_params');
    });

    it('too long a name of a caller', async () => {
      const headers = { 'x-policy-client': 'x'.repeat(129) };
      const refusal = await failure(ask(server.client, patch, patchOf({}), headers));
      expect(refusal.fields).to.deep.equal(['x-policy-client']);
    });
  });

  it('answers a stopped server’s streams with SHUTTING_DOWN', async () => {
    const own = await startServer();
    const stream = watch(own.client);
    await stream.next();
    const ended = failure(stream.next());
    const closed = own.close();
    expect(await ended).to.include({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN' });
    await closed;
  });
});

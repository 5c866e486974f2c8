import { EventEmitter, once } from 'node:events';

import { PolicyClient, PolicyStoreError, Preset, RiskMode, View } from '@policystore/client';
import {
  Freshness,
  type GetRequest,
  GetResponse,
  type PatchRequest,
  PatchResponse,
  type PolicyServiceServer,
  type UpdateRequest,
  UpdateResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { PolicyError } from '../../server/src/errors.js';
import { answering } from '../support/answering.js';
import { rejection } from '../support/rejection.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';

const port = ({ address }: ScriptedServer) => Number(address.split(':')[1]);

const E1 = (revision: number) => ({ epoch: 'e1', revision });

function current(revision: number, epoch = 'e1'): GetResponse {
  return GetResponse.fromPartial({
    policy: { riskMode: RiskMode.NORMAL, maxPositions: revision },
    version: { epoch, revision },
    validFor: { seconds: 9, nanos: 500_000_000 },
  });
}

describe('PolicyClient calls', () => {
  const servers: ScriptedServer[] = [];
  const clients: PolicyClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function serve(script: Partial<PolicyServiceServer>, port?: number): Promise<ScriptedServer> {
    const server = await startScriptedServer(script, port);
    servers.push(server);
    return server;
  }

  function connect(options: ConstructorParameters<typeof PolicyClient>[0]): PolicyClient {
    const client = new PolicyClient(options);
    clients.push(client);
    return client;
  }

  const behind = () => new PolicyError('REPLICA_BEHIND', 'behind', { retryAfterMs: 1 });
  const away = () => new PolicyError('STORE_UNAVAILABLE', 'away', { retryAfterMs: 1 });

  describe('get', () => {
    it('answers the policy, its version and how long it may be believed', async () => {
      const { address } = await serve({ get: answering<GetRequest, GetResponse>(current(7)).handler });
      const before = performance.now();

      const answer = await connect({ addresses: address }).get();

      expect(answer.policy.maxPositions).to.equal(7);
      expect(answer.policy.riskMode).to.equal(RiskMode.NORMAL);
      expect(answer.version).to.deep.equal(E1(7));
      expect(answer.validForMs).to.equal(9500);
      expect(answer.notModified).to.equal(false);
      expect(answer.sentAt).to.be.within(before, performance.now());
    });

    it('sends what was asked, and who asks', async () => {
      const get = answering<GetRequest, GetResponse>(current(7));
      const { address } = await serve({ get: get.handler });
      const client = connect({ addresses: [address], namespace: 'paper', token: 's3cret', name: 'executor' });

      await client.get({ view: View.BASE, minVersion: E1(3), fresh: true });

      expect(get.requests[0]).to.deep.equal({
        namespace: 'paper',
        view: View.BASE,
        ifVersionNot: undefined,
        minVersion: E1(3),
        freshness: Freshness.STORE,
      });
      expect(get.calls[0]!.metadata.get('authorization')).to.deep.equal(['Bearer s3cret']);
      expect(get.calls[0]!.metadata.get('x-policy-client')).to.deep.equal(['executor']);
    });

    it('says when nothing changed', async () => {
      const unchanged = GetResponse.fromPartial({ version: E1(7), notModified: true });
      const { address } = await serve({ get: answering<GetRequest, GetResponse>(unchanged).handler });

      const answer = await connect({ addresses: address }).get({ ifVersionNot: E1(7) });

      expect(answer.notModified).to.equal(true);
      expect(answer.policy).to.equal(undefined);
    });

    it('reads limits that are missing as the strictest ones', async () => {
      const bare = GetResponse.fromPartial({ policy: {}, version: E1(1) });
      const { address } = await serve({ get: answering<GetRequest, GetResponse>(bare).handler });

      const { policy } = await connect({ addresses: address }).get();

      expect(policy.maxPositions).to.equal(0);
      expect(policy.maxRiskPerTrade).to.equal(0);
      expect(policy.globalMinConfidence).to.equal(1);
      expect(policy.riskMode).to.equal(RiskMode.DEFENSIVE);
    });
  });

  describe('session', () => {
    it('never reads older than what it has read or written', async () => {
      const get = answering<GetRequest, GetResponse>(current(7), current(7), current(9));
      const patch = answering<PatchRequest, PatchResponse>(PatchResponse.fromPartial({ version: E1(9) }));
      const { address } = await serve({ get: get.handler, patch: patch.handler });
      const client = connect({ addresses: address });

      await client.get();
      await client.get({ minVersion: E1(5) });
      await client.patch({ maxPositions: 9 });
      await client.get();

      expect(get.requests.map(({ minVersion }) => minVersion)).to.deep.equal([undefined, E1(7), E1(9)]);
    });

    it('does not step back for an answer that was late', async () => {
      const get = answering<GetRequest, GetResponse>(current(9), current(7), current(9));
      const { address } = await serve({ get: get.handler });
      const client = connect({ addresses: address });

      for (let i = 0; i < 3; i += 1) await client.get();

      expect(get.requests[2]!.minVersion).to.deep.equal(E1(9));
    });

    it('forgets an epoch that the server does not know, and reads what there is', async () => {
      const unknown = new PolicyError('EPOCH_UNKNOWN', 'unknown');
      const get = answering<GetRequest, GetResponse>(current(7), unknown, current(2, 'e2'), current(2, 'e2'));
      const { address } = await serve({ get: get.handler });
      const client = connect({ addresses: address });

      await client.get();
      expect((await client.get()).version).to.deep.equal({ epoch: 'e2', revision: 2 });
      await client.get();

      expect(get.requests.map(({ minVersion }) => minVersion)).to.deep.equal([
        undefined,
        E1(7),
        undefined,
        { epoch: 'e2', revision: 2 },
      ]);
    });

    it('fails where the caller itself asked for an unknown epoch', async () => {
      const get = answering<GetRequest, GetResponse>(new PolicyError('EPOCH_UNKNOWN', 'unknown'));
      const { address } = await serve({ get: get.handler });

      const error = await rejection(connect({ addresses: address }).get({ minVersion: E1(1) }), Error);

      expect(error).to.include({ code: 'FAILED_PRECONDITION', reason: 'EPOCH_UNKNOWN' });
      expect(get.calls).to.have.lengthOf(1);
    });
  });

  describe('writes', () => {
    it('keep their request id when tried again', async () => {
      const done = PatchResponse.fromPartial({ version: E1(4), patch: { maxPositions: 3 }, replayed: true });
      const lost = new PolicyError('OUTCOME_UNKNOWN', 'lost', { retryAfterMs: 1 });
      const patch = answering<PatchRequest, PatchResponse>(away(), lost, done);
      const { address } = await serve({ patch: patch.handler });

      const result = await connect({ addresses: address }).patch({ maxPositions: 3 }, { reason: 'cut risk' });

      expect(result.version).to.deep.equal(E1(4));
      expect(result.patch.maxPositions).to.equal(3);
      expect(result.replayed).to.equal(true);
      const ids = patch.requests.map(({ requestId }) => requestId);
      expect(ids).to.have.lengthOf(3);
      expect(ids[0]).to.match(/^[0-9a-f-]{36}$/);
      expect(new Set(ids)).to.have.lengthOf(1);
      expect(patch.requests[2]!.reason).to.equal('cut risk');
    });

    it('get a new request id each', async () => {
      const patch = answering<PatchRequest, PatchResponse>(PatchResponse.fromPartial({ version: E1(4) }));
      const { address } = await serve({ patch: patch.handler });
      const client = connect({ addresses: address });

      await client.patch({ maxPositions: 3 });
      await client.patch({ maxPositions: 3 });

      expect(new Set(patch.requests.map(({ requestId }) => requestId))).to.have.lengthOf(2);
    });

    it('without a request id are never tried twice', async () => {
      const patch = answering<PatchRequest, PatchResponse>(away());
      const { address } = await serve({ patch: patch.handler });

      const error = await rejection(
        connect({ addresses: address }).patch({ maxPositions: 3 }, { requestId: '' }),
        Error,
      );

      expect(error).to.include({ code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE' });
      expect(patch.calls).to.have.lengthOf(1);
    });

    it('fail with every violation, and are not tried again', async () => {
      const violations = [{ field: 'max_positions', description: 'must be 1 to 100' }];
      const patch = answering<PatchRequest, PatchResponse>(
        new PolicyError('VALIDATION_FAILED', 'max_positions: must be 1 to 100', { violations }),
      );
      const { address } = await serve({ patch: patch.handler });

      const error = await rejection(connect({ addresses: address }).patch({ maxPositions: 1000 }), Error);

      expect(error).to.be.instanceOf(PolicyStoreError);
      expect(error).to.have.deep.property('violations', violations);
      expect(patch.calls).to.have.lengthOf(1);
    });

    it('replace and reset the policy', async () => {
      const done = UpdateResponse.fromPartial({ version: E1(4), policy: { maxPositions: 3 } });
      const update = answering<UpdateRequest, UpdateResponse>(done);
      const presets: Preset[] = [];
      const { address } = await serve({
        update: update.handler,
        reset: (call, reply) => {
          presets.push(call.request.preset);
          reply(null, done);
        },
      });
      const client = connect({ addresses: address });

      const result = await client.update(
        { maxPositions: 3, oppRankings: { BTC: 0.5 } },
        { validateOnly: true, expectedVersion: E1(3) },
      );
      await client.reset(Preset.CONSERVATIVE);

      expect(result.policy?.maxPositions).to.equal(3);
      expect(update.requests[0]).to.deep.include({ validateOnly: true, expectedVersion: E1(3) });
      expect(update.requests[0]!.policy!.oppRankings).to.deep.equal(new Map([['BTC', 0.5]]));
      expect(presets).to.deep.equal([Preset.CONSERVATIVE]);
    });
  });

  describe('several addresses', () => {
    it('stays with one that works', async () => {
      const [first, second] = [current(1), current(1)].map((answer) =>
        answering<GetRequest, GetResponse>(answer),
      );
      const servers = [await serve({ get: first!.handler }), await serve({ get: second!.handler })];
      const client = connect({ addresses: servers.map(({ address }) => address) });

      for (let i = 0; i < 3; i += 1) await client.get();

      expect(first!.calls).to.have.lengthOf(3);
      expect(second!.calls).to.have.lengthOf(0);
    });

    it('moves on from one that refuses connections', async () => {
      const gone = await serve({});
      await gone.close();
      const get = answering<GetRequest, GetResponse>(current(1));
      const working = await serve({ get: get.handler });

      await connect({ addresses: `${gone.address}, ${working.address}` }).get();

      expect(get.calls).to.have.lengthOf(1);
    });

    it('moves on from a replica that is behind', async () => {
      const slow = answering<GetRequest, GetResponse>(current(7), behind());
      const fast = answering<GetRequest, GetResponse>(current(8));
      const addresses = [await serve({ get: slow.handler }), await serve({ get: fast.handler })];
      const client = connect({ addresses: addresses.map(({ address }) => address) });

      await client.get();
      expect((await client.get()).version).to.deep.equal(E1(8));

      expect(fast.requests[0]!.minVersion).to.deep.equal(E1(7));
    });

    it('leaves time for the others when one does not answer', async () => {
      const silent = await serve({ get: () => undefined });
      const get = answering<GetRequest, GetResponse>(current(1));
      const working = await serve({ get: get.handler });
      const client = connect({ addresses: [silent.address, working.address], deadlineMs: 600 });

      expect((await client.get()).version).to.deep.equal(E1(1));
    });
  });

  describe('connections', () => {
    it('survives a cut in the middle of a call', async () => {
      let cut = (): void => undefined;
      let calls = 0;
      const server = await serve({
        get: (_call, reply) => {
          calls += 1;
          if (calls === 1) cut();
          else reply(null, current(calls));
        },
      });
      cut = () => {
        server.cut();
      };

      expect((await connect({ addresses: server.address }).get()).version).to.deep.equal(E1(2));
    });

    it('finds a server soon after it is back, however long it was away', async () => {
      const first = await serve({ get: answering<GetRequest, GetResponse>(current(1)).handler });
      const client = connect({ addresses: first.address });
      await first.close();
      const away = await rejection(client.get({ deadlineMs: 300 }), PolicyStoreError);

      const pending = client.get();
      await serve({ get: answering<GetRequest, GetResponse>(current(2)).handler }, port(first));

      expect(away).to.include({ code: 'UNAVAILABLE', reason: undefined });
      expect((await pending).version).to.deep.equal(E1(2));
    });
  });

  describe('ending', () => {
    it('fails with DEADLINE_EXCEEDED when the server does not answer in time', async () => {
      const { address } = await serve({ get: () => undefined });

      const error = await rejection(connect({ addresses: address }).get({ deadlineMs: 50 }), Error);

      expect(error).to.include({ code: 'DEADLINE_EXCEEDED' });
    });

    it('takes a deadline that no timer can hold for the longest there is', async () => {
      let calls = 0;
      const { address } = await serve({
        get: (_call, done) => {
          calls += 1;
          // later than the millisecond after which an overflown timer fires
          setTimeout(done, 20, null, current(1));
        },
      });
      const client = connect({ addresses: address, deadlineMs: Infinity });

      await client.get({ deadlineMs: 1e12 });
      await client.get({ deadlineMs: 2 ** 31 });
      await client.get();

      expect(calls).to.equal(3);
    });

    it('rejects with the reason of an abort, and tells the server', async () => {
      const events = new EventEmitter();
      const { address } = await serve({
        get: (call) => {
          call.on('cancelled', () => events.emit('cancelled'));
          events.emit('reached');
        },
      });
      const reached = once(events, 'reached');
      const cancelled = once(events, 'cancelled');
      const abort = new AbortController();
      const pending = rejection(
        connect({ addresses: address, deadlineMs: 1e9 }).get({ signal: abort.signal }),
        Error,
      );
      await reached;

      abort.abort(new Error('enough'));

      expect(await pending).to.have.property('message', 'enough');
      await cancelled;
    });

    it('does not start when the signal has aborted before', async () => {
      const get = answering<GetRequest, GetResponse>(current(1));
      const { address } = await serve({ get: get.handler });
      const signal = AbortSignal.abort(new Error('too late'));

      const error = await rejection(connect({ addresses: address }).get({ signal }), Error);

      expect(error).to.have.property('message', 'too late');
      expect(get.calls).to.have.lengthOf(0);
    });

    it('ends calls under way when the client is closed, and refuses new ones', async () => {
      const events = new EventEmitter();
      const { address } = await serve({ get: () => events.emit('reached') });
      const reached = once(events, 'reached');
      const client = connect({ addresses: address });
      const pending = rejection(client.get(), Error);
      await reached;

      client.close();

      expect(await pending).to.include({ code: 'CANCELLED', reason: 'CLIENT_CLOSED' });
      expect(await rejection(client.get(), Error)).to.include({ code: 'CANCELLED', reason: 'CLIENT_CLOSED' });
    });
  });

  describe('options', () => {
    it('refuses what cannot work', () => {
      expect(() => new PolicyClient({ addresses: ' , ' })).to.throw(TypeError, 'addresses is empty');
      expect(() => new PolicyClient({ deadlineMs: 0 })).to.throw(RangeError, 'deadlineMs');
      expect(() => new PolicyClient({ deadlineMs: NaN })).to.throw(RangeError, 'deadlineMs');
      expect(() => connect({}).watch({ heartbeatMs: 10 })).to.throw(RangeError, 'heartbeatMs');
    });

    it('come from the environment where they are not given', async () => {
      const get = answering<GetRequest, GetResponse>(current(1));
      const { address } = await serve({ get: get.handler });
      const environment = { POLICY_ADDR: address, POLICY_NAMESPACE: 'live', POLICY_TOKEN: 'tok' };
      const before = Object.keys(environment).map((name) => [name, process.env[name]] as const);
      Object.assign(process.env, environment);
      try {
        await connect({}).get();
      } finally {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name];
          else process.env[name] = value;
        }
      }

      expect(get.requests[0]!.namespace).to.equal('live');
      expect(get.calls[0]!.metadata.get('authorization')).to.deep.equal(['Bearer tok']);
    });
  });
});

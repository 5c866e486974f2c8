import { EventEmitter, once } from 'node:events';

import { Metadata } from '@grpc/grpc-js';
import { PolicyClient, PolicyStoreError, RiskMode, TradingState } from '@policystore/client';
import {
  GetResponse,
  type OverrideRequest,
  OverrideResponse,
  type RestoreRequest,
  RestoreResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { Calls } from '../../clients/typescript/src/calls.js';
import { Channels } from '../../clients/typescript/src/channels.js';
import { Operations } from '../../clients/typescript/src/operations.js';
import { systemTiming } from '../../clients/typescript/src/timing.js';
import { PolicyError } from '../../server/src/errors.js';
import { answering } from '../support/answering.js';
import { rejection } from '../support/rejection.js';
import { type Script, type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';

const at = (revision: number) => ({ epoch: 'e1', revision });

/** In force since revision 5. */
const taken = (more: { replayed?: boolean; pending?: boolean } = {}) =>
  OverrideResponse.fromPartial({
    version: at(more.pending ? 4 : 5),
    override: { name: 'circuit-breaker', reason: 'drawdown', pending: more.pending ?? false },
    patch: more.replayed ? undefined : { riskMode: RiskMode.DEFENSIVE },
    replayed: more.replayed ?? false,
  });
const override = (...answers: (OverrideResponse | PolicyError)[]) =>
  answering<OverrideRequest, OverrideResponse>(...answers);

const away = () => new PolicyError('STORE_UNAVAILABLE', 'no policy was loaded', { retryAfterMs: 1 });
const loosens = () => new PolicyError('OVERRIDE_LOOSENS', 'would loosen max_positions');

describe('PolicyClient.override', () => {
  const servers: ScriptedServer[] = [];
  const clients: PolicyClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function serve(script: Script): Promise<string> {
    const server = await startScriptedServer(script);
    servers.push(server);
    return server.address;
  }

  function connect(...addresses: string[]): PolicyClient {
    const client = new PolicyClient({ addresses, namespace: 'paper', name: 'safety_governor' });
    clients.push(client);
    return client;
  }

  /** Nothing listens there. */
  async function nowhere(): Promise<string> {
    const server = await startScriptedServer({});
    await server.close();
    return server.address;
  }

  it('sends what was asked, and answers what is in force', async () => {
    const script = override(taken());
    const address = await serve({ override: script.handler });
    const limits = { tradingState: TradingState.HALTED, blockSymbols: ['BTC'] };

    const result = await connect(address).override(
      { name: 'news', limits, reason: 'drawdown', ttlMs: 7_200_000 },
      { requestId: 'mine' },
    );

    expect(script.requests[0]).to.deep.include({
      namespace: 'paper',
      name: 'news',
      reason: 'drawdown',
      ttl: { seconds: 7200, nanos: 0 },
      requestId: 'mine',
      validateOnly: false,
    });
    expect(script.requests[0]!.limits).to.deep.include(limits);
    expect(result).to.deep.include({ version: at(5), pending: false });
    expect(result.override).to.include({ name: 'circuit-breaker', reason: 'drawdown' });
    expect(result.patch.riskMode).to.equal(RiskMode.DEFENSIVE);
    expect(result.addresses).to.deep.equal([
      { address, outcome: 'committed', version: at(5), error: undefined },
    ]);
  });

  it('reaches every address with one request id, and answers with the one that committed it', async () => {
    const scripts = [taken({ replayed: true }), taken(), taken({ pending: true })].map((answer) =>
      override(answer),
    );
    const addresses = await Promise.all(scripts.map(({ handler }) => serve({ override: handler })));

    const result = await connect(...addresses).override({ reason: 'drawdown' });

    const ids = new Set(scripts.flatMap(({ requests }) => requests.map(({ requestId }) => requestId)));
    expect([...ids]).to.have.lengthOf(1);
    expect([...ids][0]).to.match(/^[0-9a-f-]{36}$/);
    expect(result).to.deep.include({ version: at(5), pending: false });
    expect(result.patch.riskMode).to.equal(RiskMode.DEFENSIVE);
    expect(result.addresses.map(({ address, outcome }) => [address, outcome])).to.deep.equal([
      [addresses[0], 'committed'],
      [addresses[1], 'committed'],
      [addresses[2], 'pending'],
    ]);
  });

  it('is pending where no address says that the store has it', async () => {
    const [first, second] = [
      await serve({ override: override(taken({ pending: true })).handler }),
      await serve({ override: override(loosens()).handler }),
    ];

    const { pending, version, addresses } = await connect(first, second).override({ reason: 'drawdown' });

    expect({ pending, version }).to.deep.equal({ pending: true, version: at(4) });
    expect(addresses.map(({ outcome }) => outcome)).to.deep.equal(['pending', 'failed']);
    expect(addresses[1]!.error).to.include({ reason: 'OVERRIDE_LOOSENS' });
  });

  it('tries each address again, whatever the others answer', async () => {
    const slow = override(away(), away(), taken({ replayed: true }));
    const addresses = [
      await serve({ override: override(taken()).handler }),
      await serve({ override: slow.handler }),
    ];

    const result = await connect(...addresses).override({ reason: 'drawdown' });

    expect(result.addresses.map(({ outcome }) => outcome)).to.deep.equal(['committed', 'committed']);
    expect(new Set(slow.requests.map(({ requestId }) => requestId)).size).to.equal(1);
    expect(slow.calls).to.have.lengthOf(3);
  });

  it('fails with a refusal rather than with what passes', async () => {
    const addresses = [
      await nowhere(),
      await serve({ override: override(away()).handler }),
      await serve({ override: override(loosens()).handler }),
    ];

    const error = await rejection(
      connect(...addresses).override({ reason: 'drawdown' }, { deadlineMs: 300 }),
      PolicyStoreError,
    );

    expect(error).to.include({ code: 'FAILED_PRECONDITION', reason: 'OVERRIDE_LOOSENS' });
  });

  it('fails with what a server said rather than with that there was none', async () => {
    const addresses = [await nowhere(), await serve({ override: override(away()).handler })];

    const error = await rejection(
      connect(...addresses).override({ reason: 'drawdown' }, { deadlineMs: 300 }),
      PolicyStoreError,
    );

    expect(error).to.include({ code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE' });
  });

  it('does not wait for the deadline of an address that is silent or away once one has taken it', async () => {
    const addresses = [
      await serve({ override: () => undefined }),
      await serve({ override: override(taken()).handler }),
      await nowhere(),
    ];
    const channels = new Channels(addresses);
    const events = new EventEmitter();
    const refused = once(events, 'pause');
    const calls = new Calls({
      metadata: new Metadata(),
      channels,
      operations: new Operations(),
      deadlineMs: 1e9,
      timing: {
        now: () => performance.now(),
        random: () => 1,
        sleep: async (ms, signal) => {
          // The patience with the others is over once one was refused; the pause before its next try never.
          signal.throwIfAborted();
          if (ms === 2000) await refused;
          else {
            events.emit('pause');
            await once(signal, 'abort');
            signal.throwIfAborted();
          }
        },
      },
    });

    const answers = await calls.everywhere<OverrideResponse, string>(
      {},
      (channel, ...call) =>
        channel.policy.override(
          { namespace: '', name: '', reason: 'r', requestId: 'id', validateOnly: false, ...NO_LIMITS },
          ...call,
        ),
      ({ override }) => override?.name ?? '',
    );
    channels.close();

    expect(answers.map(({ address, value }) => [address, value])).to.deep.equal([
      [addresses[0], undefined],
      [addresses[1], 'circuit-breaker'],
      [addresses[2], undefined],
    ]);
    expect(answers[0]!.error).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
    // says more than that the time was over
    expect(answers[2]!.error).to.include({ code: 'UNAVAILABLE' });
  });

  it('is tried again over the new connection where a live policy has renewed the old one meanwhile', async () => {
    const script = override(away(), taken());
    const channels = new Channels([await serve({ override: script.handler })]);
    const calls = new Calls({
      metadata: new Metadata(),
      channels,
      operations: new Operations(),
      deadlineMs: 5_000,
      timing: {
        ...systemTiming,
        sleep: (ms, signal) => {
          channels.use().renew();
          return systemTiming.sleep(ms, signal);
        },
      },
    });

    const answers = await calls.everywhere<OverrideResponse, string>(
      {},
      (channel, ...call) =>
        channel.policy.override(
          { namespace: '', name: '', reason: 'r', requestId: 'id', validateOnly: false, ...NO_LIMITS },
          ...call,
        ),
      (response) => response.override?.name ?? '',
    );
    channels.close();

    expect(answers.map(({ value }) => value)).to.deep.equal(['circuit-breaker']);
    expect(script.requests).to.have.lengthOf(2);
  });

  it('ends with the reason of an abort, and when the client is closed', async () => {
    const address = await serve({ override: () => undefined });
    const abort = new AbortController();
    const aborted = rejection(
      connect(address).override({ reason: 'drawdown' }, { signal: abort.signal }),
      Error,
    );
    abort.abort(new Error('enough'));
    const client = connect(address);
    const closed = rejection(client.override({ reason: 'drawdown' }), PolicyStoreError);
    client.close();

    expect(await aborted).to.have.property('message', 'enough');
    expect(await closed).to.include({ reason: 'CLIENT_CLOSED' });
  });

  it('ends when the client is closed, also where an address has taken it', async () => {
    const script = override(taken());
    const reached = new EventEmitter();
    const isReached = once(reached, 'override');
    const client = connect(
      await serve({
        override: script.handler,
        get: (_call, done) => {
          done(null, GetResponse.fromPartial({ policy: {}, version: at(5) }));
        },
      }),
      await serve({ override: () => reached.emit('override') }),
    );
    const ended = rejection(client.override({ reason: 'drawdown' }), PolicyStoreError);
    await isReached;
    // Its answer comes after the first address's, over the same connection.
    await client.get();

    client.close();

    expect(script.calls).to.have.lengthOf(1);
    expect(await ended).to.include({ reason: 'CLIENT_CLOSED' });
  });

  it('lets what it saw count for later reads', async () => {
    const minVersions: unknown[] = [];
    const address = await serve({
      override: override(taken()).handler,
      get: ({ request }, done) => {
        minVersions.push(request.minVersion);
        done(null, { policy: undefined, version: at(5), validFor: undefined, notModified: true });
      },
    });
    const client = connect(address);
    await client.override({ reason: 'drawdown' });

    await client.get({ ifVersionNot: at(5) });

    expect(minVersions).to.deep.equal([at(5)]);
  });

  it('is undone by a restore, on the address that works', async () => {
    const restore = answering<RestoreRequest, RestoreResponse>(
      away(),
      RestoreResponse.fromPartial({ version: at(6), patch: { riskMode: RiskMode.NORMAL } }),
    );
    const client = connect(await serve({ restore: restore.handler }));

    const result = await client.restore('news', { reason: 'calm', expectedVersion: at(5) });
    await client.restore();

    expect(result).to.deep.include({ version: at(6), replayed: false, policy: undefined });
    expect(result.patch.riskMode).to.equal(RiskMode.NORMAL);
    expect(restore.requests.map(({ name }) => name)).to.deep.equal(['news', 'news', '']);
    expect(restore.requests[1]).to.deep.include({ reason: 'calm', expectedVersion: at(5) });
    expect(restore.requests[0]!.requestId).to.equal(restore.requests[1]!.requestId);
  });
});

const NO_LIMITS = { limits: undefined, ttl: undefined };

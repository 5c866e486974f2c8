import {
  type LivePolicy,
  MemberState,
  PolicyClient,
  PolicyStoreError,
  TradingState,
} from '@policystore/client';
import {
  OverrideResponse,
  PatchResponse,
  type WaitAppliedRequest,
  WaitAppliedResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { readDuration } from '../../clients/typescript/src/duration.js';
import { PolicyError } from '../../server/src/errors.js';
import { toStatus } from '../../server/src/grpc/error-status.js';
import { closeAfterEach } from '../support/closing.js';
import { freePort } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { type Script, startScriptedServer } from '../support/scripted-server.js';
import { startServer } from '../support/server.js';

const { APPLIED, REJECTED, PENDING, LOST, UNSPECIFIED } = MemberState;
const PATIENT = { timeoutMs: 30_000 };

describe('the fleet as the client sees it', () => {
  const keep = closeAfterEach();

  async function serve(...flags: string[]) {
    return keep(await startServer({ flags }), (server) => server.close());
  }

  function connect(addresses: string | string[], name = 'operator'): PolicyClient {
    return keep(new PolicyClient({ addresses, name }), (client) => client[Symbol.asyncDispose]());
  }

  async function live(address: string, component: string, instance: string): Promise<LivePolicy> {
    const policy = connect(address, component).live({ instance });
    await policy.ready({ deadlineMs: 30_000 });
    return policy;
  }

  it('lists who runs what', async () => {
    const { address } = await serve('--expected', 'risk_guard:1');
    await live(address, 'executor', 'a');
    const client = connect(address);
    const { version } = await client.get();

    const fleet = await client.fleet.list();

    expect(fleet.version).to.deep.equal(version);
    expect(fleet.members.map(({ component }) => component)).to.have.members(['executor', 'replica']);
    const executor = fleet.members.find(({ component }) => component === 'executor')!;
    expect(executor).to.deep.include({
      instance: 'a',
      delivered: version,
      applied: version,
      lag: 0,
      rejection: undefined,
      state: APPLIED,
    });
    expect(executor.since).to.be.instanceOf(Date);
    expect(executor.watcherId).to.not.equal('');
    expect(fleet.missing).to.deep.equal([{ component: 'risk_guard', expected: 1, present: 0 }]);
  });

  it('lists only whom it is asked for', async () => {
    const { address } = await serve();
    await live(address, 'executor', 'a');
    await live(address, 'executor', 'b');
    const client = connect(address);

    const { members } = await client.fleet.list({ components: ['executor'], instances: ['b'] });

    expect(members.map(({ instance }) => instance)).to.deep.equal(['b']);
    await rejection(client.fleet.list({ component: 'executor' } as object), TypeError);
    await rejection(client.fleet.list({ components: 'executor' as never }), TypeError);
  });

  it('waits with a write until everybody has applied it', async () => {
    const { address } = await serve();
    const executor = await live(address, 'executor', 'a');
    await live(address, 'risk_guard', 'b');
    const client = connect(address);

    const result = await client.patch({ maxPositions: 7 }, { waitApplied: PATIENT });

    expect(result.receipt).to.deep.include({
      version: result.version,
      appliedEverywhere: true,
      outstanding: [],
      missing: [],
    });
    expect(result.receipt!.members.map(({ state }) => state)).to.deep.equal([APPLIED, APPLIED, APPLIED]);
    expect(result.receiptError).to.equal(undefined);
    expect(executor.current).to.include({ maxPositions: 7 });
  });

  it('waits with every kind of write, and with an override by its input or its options', async () => {
    const { address } = await serve();
    const executor = await live(address, 'executor', 'a');
    const client = connect(address);
    const { version } = await client.get();
    const wait = { waitApplied: PATIENT };

    const stop = await client.override({ reason: 'drawdown', ...wait });
    expect(executor.current.tradingState).to.equal(TradingState.REDUCE_ONLY);
    const again = await client.override({ reason: 'drawdown' }, wait);
    const results = [
      stop,
      again,
      await client.restore('circuit-breaker', wait),
      await client.update({ maxPositions: 4 }, wait),
      await client.reset(undefined, wait),
      await client.rollback(version, wait),
    ];

    for (const { receipt, version: written } of results) {
      expect(receipt).to.deep.include({ appliedEverywhere: true, version: written });
      expect(receipt!.members.map(({ component }) => component)).to.have.members(['executor', 'replica']);
    }
    expect(executor.current.version).to.deep.equal(results.at(-1)!.version);
  });

  it('names who rejected it and who has not answered, and when they are safe', async () => {
    const { address } = await serve();
    await live(address, 'executor', 'good');
    (await live(address, 'executor', 'bad')).on('change', () => {
      throw new Error('no broker');
    });
    (await live(address, 'executor', 'slow')).on('change', () => new Promise(() => undefined));
    const watch = connect(address, 'dashboard').watch();
    await watch.next();
    const client = connect(address);

    const { receipt, version } = await client.patch({ maxPositions: 7 }, { waitApplied: { timeoutMs: 300 } });

    const states = new Map(
      receipt!.members.map(({ instance, component, state }) => [
        component === 'executor' ? instance : component,
        state,
      ]),
    );
    expect(Object.fromEntries(states)).to.deep.equal({
      good: APPLIED,
      bad: REJECTED,
      slow: PENDING,
      dashboard: UNSPECIFIED,
      replica: APPLIED,
    });
    expect(receipt!.appliedEverywhere).to.equal(false);
    expect(receipt!.outstanding.map(({ instance }) => instance)).to.have.members(['bad', 'slow']);
    const [bad] = receipt!.outstanding;
    expect(bad!.rejection).to.deep.equal({ version, reason: 'no broker' });
    await watch.return();
  });

  it('waits only for whom it is asked to', async () => {
    const { address } = await serve('--expected', 'risk_guard:1');
    await live(address, 'executor', 'a');
    const client = connect(address);
    const { version } = await client.get();

    const all = await client.waitApplied(version, { timeoutMs: 50 });
    const executors = await client.waitApplied(version, { ...PATIENT, components: ['executor'] });

    expect(all).to.deep.include({
      appliedEverywhere: false,
      outstanding: [],
      missing: [{ component: 'risk_guard', expected: 1, present: 0 }],
    });
    expect(executors.appliedEverywhere).to.equal(true);
    expect(executors.members).to.have.lengthOf(1);
  });

  it('knows one that vanished without a word for lost, and for safe later', async () => {
    const { address } = await serve();
    const client = connect(address);
    const lost = new PolicyClient({ addresses: address, name: 'executor' });
    await lost.live().ready({ deadlineMs: 30_000 });
    lost.close();
    await client.patch({ maxPositions: 7 });
    const { version } = await client.patch({ maxPositions: 8 });

    let [member] = (await client.waitApplied(version, { timeoutMs: 0, components: ['executor'] })).members;
    while (member?.state === PENDING) {
      [member] = (await client.waitApplied(version, { timeoutMs: 0, components: ['executor'] })).members;
    }

    expect(member).to.include({ state: LOST });
    expect(member!.safeInMs).to.be.within(1, 10_000);
  });

  it('asks a server that took an override, for the others know nothing of one that is pending', async () => {
    const asked: string[] = [];
    const script = (name: string, pending: boolean | undefined): Script => ({
      override: (_call, done) => {
        if (pending === undefined) {
          done(toStatus(new PolicyError('NAMESPACE_UNKNOWN', 'as scripted')));
          return;
        }
        const version = { epoch: 'e1', revision: 2 };
        done(null, OverrideResponse.fromPartial({ version, override: { name: 'breaker', pending } }));
      },
      waitApplied: (_call, done) => {
        asked.push(name);
        done(null, WaitAppliedResponse.fromPartial({ appliedEverywhere: true }));
      },
    });
    const start = async (name: string, pending: boolean | undefined) =>
      keep(await startScriptedServer(script(name, pending)), (server) => server.close()).address;
    const refuses = await start('refuses', undefined);
    const holds = await start('holds', true);
    const commits = await start('commits', false);
    const stop = { reason: 'drawdown', waitApplied: {} };

    const pending = await connect([refuses, holds]).override(stop);
    const committed = await connect([refuses, holds, commits]).override(stop);

    expect(asked).to.deep.equal(['holds', 'commits']);
    expect([pending, committed].map(({ receipt }) => receipt?.appliedEverywhere)).to.deep.equal([true, true]);
  });

  describe('a wait that fails', () => {
    const version = { epoch: 'e1', revision: 2 };

    /** Writes well, and waits as it is told. */
    async function serveWrites(waitApplied: (request: WaitAppliedRequest) => WaitAppliedResponse | Error) {
      const requests: WaitAppliedRequest[] = [];
      const server = await startScriptedServer({
        patch: (_call, done) => {
          done(null, PatchResponse.fromPartial({ version }));
        },
        waitApplied: ({ request }, done) => {
          requests.push(request);
          const answer = waitApplied(request);
          if (answer instanceof PolicyError) done(toStatus(answer));
          else if (!(answer instanceof Error)) done(null, answer);
        },
      });
      return { ...keep(server, (each) => each.close()), address: server.address, requests };
    }

    it('never hides that the change was made', async () => {
      const server = await serveWrites(() => new PolicyError('VALIDATION_FAILED', 'as scripted'));

      const result = await connect(server.address).patch({ maxPositions: 7 }, { waitApplied: {} });

      expect(result.version).to.deep.equal(version);
      expect(result.receipt).to.equal(undefined);
      expect(result.receiptError)
        .to.be.instanceOf(PolicyStoreError)
        .and.to.include({ code: 'INVALID_ARGUMENT' });
    });

    it('never hides it either where the caller aborts it, or closes the client', async () => {
      const abort = new AbortController();
      const server = await serveWrites(() => {
        setImmediate(() => {
          abort.abort(new Error('enough'));
        });
        return new Error('no answer');
      });

      const { receiptError, ...result } = await connect(server.address).patch(
        { maxPositions: 7 },
        { waitApplied: {}, signal: abort.signal },
      );

      expect(result.version).to.deep.equal(version);
      expect(receiptError).to.include({ code: 'CANCELLED' });
      expect(receiptError!.cause).to.have.property('message', 'enough');
    });

    it('is not begun where nothing is written, and not with a misspelt option', async () => {
      const server = await serveWrites(() => WaitAppliedResponse.fromPartial({ appliedEverywhere: true }));
      const client = connect(server.address);

      const tried = await client.patch({ maxPositions: 7 }, { validateOnly: true, waitApplied: {} });
      expect(tried).to.not.have.any.keys('receipt', 'receiptError');
      await rejection(
        client.patch({ maxPositions: 7 }, { waitApplied: { timeout: 1 } as object }),
        TypeError,
      );
      await rejection(client.patch({ maxPositions: 7 }, { waitApplied: { timeoutMs: 60_001 } }), RangeError);
      await rejection(client.override({ reason: 'x', waitApplied: { timeoutMs: -1 } }), RangeError);

      expect(server.requests).to.deep.equal([]);
    });

    it('goes to another address', async () => {
      const server = await serveWrites(() => WaitAppliedResponse.fromPartial({ appliedEverywhere: true }));
      const client = connect([`127.0.0.1:${await freePort()}`, server.address]);

      const receipt = await client.waitApplied(version, { components: ['executor'], instances: ['a'] });

      expect(receipt).to.include({ appliedEverywhere: true, version });
      expect(server.requests[0]).to.deep.include({
        namespace: 'default',
        version,
        selector: { components: ['executor'], instances: ['a'] },
      });
      expect(readDuration(server.requests[0]!.timeout)).to.be.within(1, 1000);
    });
  });
});

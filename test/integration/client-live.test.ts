import { once } from 'node:events';

import { Metadata, status } from '@grpc/grpc-js';
import { type Cause, PolicyClient, type PolicyView, TradingState } from '@policystore/client';
import { ChangeKind } from '@policystore/client/proto';
import { expect } from 'chai';

import { Channels } from '../../clients/typescript/src/channels.js';
import { LivePolicy } from '../../clients/typescript/src/live/live-policy.js';
import { Operations } from '../../clients/typescript/src/operations.js';
import { Session } from '../../clients/typescript/src/session.js';
import { PolicyError } from '../../server/src/errors.js';
import { toStatus } from '../../server/src/grpc/error-status.js';
import { settled } from '../support/clock.js';
import { createManualTiming } from '../support/manual-timing.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { at, createLiveFixture, heartbeat, nextChange, patch, snapshot } from '../support/scripted-live.js';
import { type Stream } from '../support/scripted-watch.js';

const { ACTIVE, REDUCE_ONLY, HALTED } = TradingState;

/** The first message of a stream. */
const first = (revision: number, watcherId = 'w1') => snapshot(revision, { watcherId });

describe('PolicyClient.live', () => {
  const { keep, serve, connect } = createLiveFixture();

  it('says what it wants, who it is, and that it acknowledges', async () => {
    const server = await serve();

    connect(server.address, { instance: 'host:1', heartbeatMs: 1500 });

    const { request } = await server.stream(0);
    expect(request).to.deep.include({
      namespace: 'default',
      after: undefined,
      fields: [],
      heartbeatInterval: { seconds: 1, nanos: 500_000_000 },
      watcher: { component: 'executor', instance: 'host:1', acknowledges: true },
    });
  });

  it('allows nothing before a policy has come', async () => {
    const server = await serve();

    const live = connect(server.address);

    expect(live.current).to.include({ isStale: true, tradingState: REDUCE_ONLY, maxPositions: 0 });
    expect(live.current.version).to.deep.equal({ epoch: '', revision: 0 });
    expect(live.status).to.include({ state: 'connecting', reason: 'no policy yet: connecting' });
  });

  it('is live when the first version was acknowledged and the lease given', async () => {
    const server = await serve((stream) => stream.write(first(3)));
    const live = connect(server.address);
    const ready = live.ready();

    const asked = await server.nextAsked();
    expect(asked.request).to.deep.include({
      namespace: 'default',
      watcherId: 'w1',
      version: at(3),
      rejection: undefined,
      closing: false,
    });
    expect(live.current).to.include({ isStale: true, maxPositions: 3 });
    expect(live.status).to.include({ state: 'stale' });
    asked.renew();

    expect(await ready).to.include({ isStale: false, maxPositions: 3, tradingState: ACTIVE });
    expect(live.current).to.equal(await live.ready());
    expect(live.status).to.include({ state: 'live', address: server.address });
    expect(live.status.validForMs).to.be.within(1, 60_000);
  });

  it('gives the same view until it changes, and one that shares its sets after that', async () => {
    const server = await serve((stream) => stream.write(first(3)));
    server.answerAll((asked) => {
      asked.renew();
    });
    const live = connect(server.address);
    const before = await live.ready();

    const change = nextChange(live);
    (await server.stream(0)).write(patch(4));
    await change;

    expect(live.current).to.not.equal(before);
    expect(live.current).to.equal(live.current);
    expect(live.current).to.include({ maxPositions: 4, isStale: false });
    expect(live.current.allowedSymbols).to.equal(before.allowedSymbols);
  });

  it('tells its listeners what was, what is and why', async () => {
    const cause = {
      kind: ChangeKind.PATCH,
      actor: 'risk_officer',
      actorVerified: true,
      reason: 'news',
      fields: ['max_positions'],
    };
    const server = await serve((stream) => stream.write(first(3)));
    server.answerAll((asked) => {
      asked.renew();
    });
    const live = connect(server.address);
    const told: [PolicyView, PolicyView, Cause | undefined][] = [];
    live.on('change', (...change) => void told.push(change));
    const ready = await live.ready();

    const change = nextChange(live);
    (await server.stream(0)).write(patch(4, { cause: { ...cause, commitTime: undefined } }));
    await change;

    expect(told.map(([next, previous]) => [previous.version.revision, next.version.revision])).to.deep.equal([
      [0, 3],
      [3, 4],
    ]);
    expect(told[0]![0]).to.include({ isStale: true }); // no lease had been given
    expect(told[1]![0]).to.equal(live.current);
    expect(told[1]![1].policy).to.equal(ready.policy);
    expect(told[1]![2]).to.deep.include(cause);
  });

  it('counts every change once, also across a cut connection', async () => {
    const server = await serve(
      (stream) => stream.write(first(1)) && stream.write(patch(2)),
      (stream) => stream.write(patch(3, { watcherId: 'w2' })),
    );
    server.answerAll((asked) => {
      asked.renew();
    });
    const live = connect(server.address);
    const told: number[] = [];
    live.on('change', ({ version }) => void told.push(version.revision));
    await until(async () => live.current.version.revision === 2);

    server.server.cut();
    await until(async () => live.current.version.revision === 3);

    expect(told).to.deep.equal([1, 2, 3]);
    expect((await server.stream(1)).request.after).to.deep.equal(at(2));
    expect(live.status).to.include({ reconnects: 1, gaps: 0, resyncs: 0 });
    await until(async () => server.asked.at(-1)?.request.watcherId === 'w2');
  });

  it('begins anew and counts it when changes are missing', async () => {
    const server = await serve(
      (stream) => stream.write(first(1)) && stream.write(patch(3)),
      (stream) => stream.write(patch(3, { watcherId: 'w2' })),
      (stream) => stream.write(first(3, 'w3')),
    );
    const live = connect(server.address);
    await until(async () => live.current.version.revision === 3);

    expect(live.status).to.include({ gaps: 2, resyncs: 1, reconnects: 2 });
    expect((await server.stream(2)).request.after).to.equal(undefined);
  });

  describe('acknowledging', () => {
    it('tells only the newest of what happened during a call, one call at a time', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      const asked = await server.nextAsked();

      const stream = await server.stream(0);
      for (let revision = 2; revision <= 50; revision += 1) stream.write(patch(revision));
      await until(async () => live.current.version.revision === 50);
      expect(server.asked).to.have.lengthOf(1);
      asked.renew();

      expect((await server.nextAsked()).request.version).to.deep.equal(at(50));
      expect(server.asked).to.have.lengthOf(2);
    });

    it('tells a new version at once, and a change under the same version too', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      connect(server.address);
      const stream = await server.stream(0);
      (await server.nextAsked()).renew();

      stream.write(patch(2));
      const second = await server.nextAsked();
      expect(second.request).to.deep.include({ version: at(2), pendingSequence: 0 });
      second.renew();
      stream.write(patch(2, { previous: 2, tradingState: REDUCE_ONLY, pendingSequence: 7 }));

      expect((await server.nextAsked()).request).to.deep.include({ version: at(2), pendingSequence: 7 });
    });

    it('tells what pends of this stream only, also where it changes nothing here', async () => {
      const server = await serve(
        (stream) => stream.write(snapshot(1, { watcherId: 'w1', pendingSequence: 9 })),
        (stream) => stream.write(heartbeat(1, { watcherId: 'w2' })),
      );
      connect(server.address);
      (await server.nextAsked()).renew();
      expect(server.asked[0]!.request).to.include({ watcherId: 'w1', pendingSequence: 9 });

      server.server.cut();
      const asked = await server.nextAsked();
      expect(asked.request).to.include({ watcherId: 'w2', pendingSequence: 0 });
      asked.renew();
      (await server.stream(1)).write(heartbeat(1, { pendingSequence: 2 }));

      expect((await server.nextAsked()).request).to.deep.include({ version: at(1), pendingSequence: 2 });
    });

    it('says why a listener could not apply a version, and holds it all the same', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      live.on('change', () => {
        throw new Error('no broker');
      });

      const asked = await server.nextAsked();
      expect(asked.request).to.deep.include({ version: at(1), rejection: 'no broker' });
      asked.renew();

      expect(await live.ready()).to.include({ maxPositions: 1 });
      expect(live.status).to.deep.include({
        rejections: 1,
        lastRejection: { version: at(1), reason: 'no broker' },
      });
    });

    it('holds the next changes while a listener hangs', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address, { listenerTimeoutMs: 20 });
      live.on('change', () => new Promise(() => undefined));
      (await server.nextAsked()).renew();
      expect(server.asked[0]!.request.rejection).to.match(/^a listener has not finished after 20 ms/);

      (await server.stream(0)).write(patch(2));

      await until(async () => live.current.version.revision === 2);
      expect((await server.nextAsked()).request).to.deep.include({ version: at(2) });
      expect(live.current.isStale).to.equal(false);
    });

    it('says at the end that it acts no more', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      server.answerAll((asked) => {
        asked.renew();
      });
      const live = connect(server.address);
      await live.ready();
      const cancelled = once(await server.stream(0), 'cancelled');

      await live.close();

      expect(server.asked.at(-1)!.request).to.deep.include({
        watcherId: 'w1',
        version: at(1),
        closing: true,
      });
      expect(live.current).to.include({ isStale: true, maxPositions: 1 });
      expect(live.status).to.include({ state: 'closed', reason: 'it was closed' });
      await cancelled;
      expect(await rejection(live.ready(), Error)).to.include({ code: 'CANCELLED', reason: 'LIVE_CLOSED' });
    });

    it('opens the stream anew where the server does not know it', async () => {
      const server = await serve(
        (stream) => stream.write(first(1)),
        (stream) => stream.write(heartbeat(1, { watcherId: 'w2' })),
      );
      const live = connect(server.address);

      (await server.nextAsked()).fail('WATCHER_UNKNOWN');
      const asked = await server.nextAsked();
      asked.renew();

      expect(asked.request.watcherId).to.equal('w2');
      expect((await server.stream(1)).request.after).to.deep.equal(at(1));
      expect(await live.ready()).to.include({ maxPositions: 1 });
    });

    it('asks again where the server could not answer', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);

      (await server.nextAsked()).fail('STORE_UNAVAILABLE');
      const asked = await server.nextAsked();
      expect(live.status.reason).to.equal(
        `no server has vouched for the policy yet: ${server.address} does not renew it, as scripted`,
      );
      asked.renew();

      expect(await live.ready()).to.include({ maxPositions: 1 });
      expect(server.streams).to.have.lengthOf(1);
    });

    it('is never live on a server that has no FleetService, and says so', async () => {
      const server = await serve((stream) => stream.write(snapshot(1)));
      const live = connect(server.address);

      (await server.nextAsked()).fail(status.UNIMPLEMENTED);
      await until(async () => live.status.lastError?.code === 'UNIMPLEMENTED');

      expect(live.status.reason).to.contain('has no FleetService');
      expect(live.current).to.include({ isStale: true, maxPositions: 1 });
      (await server.stream(0)).write(patch(2));
      await until(async () => live.current.version.revision === 2);
      expect(server.streams).to.have.lengthOf(1);
      const error = await rejection(live.ready({ deadlineMs: 50 }), Error);
      expect(error).to.include({ code: 'UNIMPLEMENTED' });
      expect(error.message).to.contain('not live after 50 ms').and.to.contain('has no FleetService');
    });

    it('looks for another server where one refuses for good', async () => {
      const script = (stream: Stream) => stream.write(first(1));
      const servers = [await serve(script, script), await serve(script, script)] as const;
      servers[0].answerAll((asked) => {
        asked.fail(status.UNIMPLEMENTED);
      });
      servers[1].answerAll((asked) => {
        asked.renew();
      });

      const live = connect(servers.map(({ address }) => address));

      await live.ready({ deadlineMs: 30_000 });
      expect(live.status.address).to.equal(servers[1].address);
    });
  });

  describe('the lease', () => {
    const held = (live: LivePolicy) => live.current.isStale;

    it('is not renewed by messages that arrive', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      const stale = new Promise<PolicyView>((resolve) => live.on('stale', resolve));
      (await server.nextAsked()).renew({ validForMs: 300 });
      await live.ready();

      const stream = await server.stream(0);
      const beat = setInterval(() => stream.write(heartbeat(1, { validFor: { seconds: 60, nanos: 0 } })), 20);
      const view = await stale;
      clearInterval(beat);

      expect(view).to.include({ isStale: true, maxPositions: 1, tradingState: REDUCE_ONLY });
      expect(live.current).to.equal(view);
      expect(live.status).to.include({ state: 'stale', validForMs: 0 });
      expect(live.status.reason).to.match(/^the lease ended \d+ ms ago: /);
    });

    it('waits for what the answer is about', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);

      (await server.nextAsked()).renew({ revision: 2 });
      await until(async () => live.status.reason.includes('is at e1:2, which has not arrived yet'));
      expect(held(live)).to.equal(true);
      (await server.stream(0)).write(patch(2));

      expect(await live.ready()).to.include({ maxPositions: 2, isStale: false });
    });

    it('waits for a stop that the answer knows of', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);

      (await server.nextAsked()).renew({ tradingState: HALTED });
      await until(async () => live.status.reason.includes('has not arrived yet'));
      expect(held(live)).to.equal(true);
      (await server.stream(0)).write(heartbeat(1, { tradingState: HALTED }));

      expect(await live.ready()).to.include({ tradingState: HALTED, isStale: false });
    });

    it('is asked for again where the server vouches for nothing', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);

      (await server.nextAsked()).renew({ validForMs: 0 });
      const asked = await server.nextAsked();
      expect(live.status.reason).to.contain('vouches for nothing now');
      expect(held(live)).to.equal(true);
      asked.renew();

      expect(await live.ready()).to.include({ isStale: false });
    });
  });

  describe('in time that jumps', () => {
    function create(addresses: string[]) {
      const timing = createManualTiming();
      const channels = keep(new Channels(addresses), (each) => {
        each.close();
      });
      const live = new LivePolicy(
        {},
        {
          namespace: 'default',
          name: 'executor',
          metadata: new Metadata(),
          channels,
          operations: new Operations(),
          session: new Session(),
          timing,
          deadlineMs: 5000,
          closed: () => undefined,
        },
      );
      keep(live, async () => {
        const closed = live.close();
        for (let i = 0; i < 100; i += 1) await settled();
        await timing.advance(10_000);
        await closed;
      });
      return { live, timing, channels };
    }

    it('is believed to the end of the lease and not a moment longer', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const { live, timing } = create([server.address]);
      (await server.nextAsked()).renew({ validForMs: 9000 });
      await live.ready();

      timing.jump(8999);
      expect(live.current).to.include({ isStale: false, tradingState: ACTIVE });
      timing.jump(1);

      expect(live.current).to.include({ isStale: true, tradingState: REDUCE_ONLY });
      expect(live.status).to.include({ state: 'stale' });
    });

    it('counts an answer from when it was asked for, however late it comes', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const { live, timing } = create([server.address]);

      const asked = await server.nextAsked();
      timing.jump(4000);
      asked.renew({ validForMs: 9000 });
      await live.ready();
      expect(live.status.validForMs).to.equal(5000);

      await timing.advance(3000); // the next one is due
      const late = await server.nextAsked();
      timing.jump(20_000); // as a process that is suspended
      expect(live.current.isStale).to.equal(true);
      late.renew({ validForMs: 9000 });
      await until(async () => {
        await timing.advance(50);
        return server.asked.length === 3;
      });
      const again = await server.nextAsked();
      expect(live.current.isStale).to.equal(true);
      again.renew({ validForMs: 9000 });

      await until(async () => !live.current.isStale);
    });

    it('asks again after a third of the lease at the latest', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const { live, timing } = create([server.address]);
      (await server.nextAsked()).renew({ validForMs: 9000 });
      await live.ready();

      await timing.advance(2399);
      await settled();
      expect(server.asked).to.have.lengthOf(1);
      await timing.advance(601);

      (await server.nextAsked()).renew();
    });

    it('tells when it may be believed and when no more, each once', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const { live, timing } = create([server.address]);
      const told: string[] = [];
      live.on('live', ({ isStale }) => void told.push(`live ${isStale}`));
      live.on('stale', ({ isStale }) => void told.push(`stale ${isStale}`));

      for (let i = 0; i < 5; i += 1) {
        (await server.nextAsked()).renew({ validForMs: 9000 });
        await until(async () => live.status.validForMs > 8900);
        await timing.advance(2401);
      }
      expect(told).to.deep.equal(['live false']);
      await timing.advance(6600);

      expect(told).to.deep.equal(['live false', 'stale true']);
    });

    it('is renewed over the new connection where somebody else has renewed the one of its stream', async () => {
      const server = await serve(
        (stream) => stream.write(first(1)),
        (stream) => stream.write(heartbeat(1, { watcherId: 'w2' })),
      );
      const { live, timing, channels } = create([server.address]);
      const asked = await server.nextAsked();
      channels.use().renew();
      asked.fail('STORE_UNAVAILABLE');
      await until(async () => live.status.lastError !== undefined);

      await until(async () => {
        await timing.advance(1000);
        return server.asked.length === 2;
      });
      const again = await server.nextAsked();
      again.renew();

      expect(await live.ready()).to.include({ isStale: false });
      expect(again.request.watcherId).to.equal('w2');
    });

    it('makes longer pauses between streams that fail soon, and short ones again after one that lived', async () => {
      const fail = (stream: Stream) => {
        if (stream.request.after) stream.write(heartbeat(1, { watcherId: 'w2' }));
        else stream.write(first(1));
        stream.write(patch(9));
      };
      const server = await serve(fail, fail, fail, (stream) =>
        stream.write(heartbeat(1, { watcherId: 'w4' })),
      );
      const { live, timing } = create([server.address]);
      const pause = async (streams: number, pauseMs: number) => {
        await until(async () => live.status.reconnects === streams && timing.pending === 1);
        await timing.advance(pauseMs - 1);
        await settled();
        expect(server.streams).to.have.lengthOf(streams);
        await timing.advance(1);
        await server.stream(streams);
      };
      await pause(1, 200);
      await pause(2, 400);
      await pause(3, 800);

      await until(async () => live.status.address !== undefined);
      timing.jump(10_000);
      server.server.cut();
      await pause(4, 200);

      expect(live.status.gaps).to.equal(3);
    });

    it('makes longer pauses the longer a server refuses, and is live once it does not', async () => {
      const refuse = (stream: Stream) => {
        stream.emit('error', toStatus(new PolicyError('NAMESPACE_UNKNOWN', 'as scripted')));
      };
      const server = await serve(refuse, refuse, refuse, (stream) => stream.write(first(1)));
      const { live, timing } = create([server.address]);
      for (const [streams, pauseMs] of [
        [1, 1000],
        [2, 2000],
        [3, 4000],
      ] as const) {
        await until(async () => server.streams.length === streams && timing.pending === 1);
        expect(live.status.reason).to.equal('no policy yet: no stream, as scripted');
        await timing.advance(pauseMs - 1);
        await settled();
        expect(server.streams).to.have.lengthOf(streams);
        await timing.advance(1);
      }

      (await server.nextAsked()).renew();
      expect(await live.ready()).to.include({ maxPositions: 1 });
    });
  });

  describe('ready', () => {
    const REFUSED = (stream: Stream) => {
      stream.emit('error', toStatus(new PolicyError('NAMESPACE_UNKNOWN', 'as scripted')));
    };

    it('rejects at its deadline where no server is there, and says why', async () => {
      const server = await serve();
      await server.server.close();
      const live = connect(server.address);

      const error = await rejection(live.ready({ deadlineMs: 300 }), Error);

      expect(error).to.include({ name: 'PolicyStoreError', code: 'UNAVAILABLE' });
      expect(error.message).to.match(/^not live after 300 ms: no policy yet: no stream, .*ECONNREFUSED/);
    });

    it('rejects at once where every server refuses for good', async () => {
      const servers = [await serve(REFUSED), await serve(REFUSED)];
      const live = connect(servers.map(({ address }) => address));

      const error = await rejection(live.ready({ deadlineMs: 60_000 }), Error);

      expect(error).to.include({ code: 'NOT_FOUND', reason: 'NAMESPACE_UNKNOWN' });
      expect(servers.map(({ streams }) => streams.length)).to.deep.equal([1, 1]);
    });

    it('resolves with what is held and may not be believed, where that was asked for', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address, { whenAway: 'serve-stale' });

      expect(await live.ready({ deadlineMs: 200 })).to.include({ isStale: true, maxPositions: 1 });
    });

    it('rejects all the same where nothing is held', async () => {
      const server = await serve();
      const live = connect(server.address, { whenAway: 'serve-stale' });

      expect(await rejection(live.ready({ deadlineMs: 50 }), Error)).to.include({ name: 'PolicyStoreError' });
    });

    it('can be waited for again, and by many', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      await rejection(live.ready({ deadlineMs: 10 }), Error);
      const waiting = [live.ready(), live.ready({ deadlineMs: 30_000 })];

      (await server.nextAsked()).renew();

      for (const view of await Promise.all(waiting)) expect(view).to.equal(live.current);
    });

    it('ends with the reason of an abort, and leaves the policy alone', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      const abort = new AbortController();
      const waiting = rejection(live.ready({ signal: abort.signal }), Error);

      abort.abort(new Error('enough'));
      expect(await waiting).to.have.property('message', 'enough');
      (await server.nextAsked()).renew();

      await live.ready();
    });

    it('rejects when it is closed meanwhile', async () => {
      const server = await serve();
      const live = connect(server.address);
      const waiting = rejection(live.ready(), Error);

      await live.close();

      expect(await waiting).to.include({ code: 'CANCELLED', reason: 'LIVE_CLOSED' });
    });
  });

  describe('a listener of live or stale that fails', () => {
    for (const [how, fail] of [
      [
        'throws',
        () => {
          throw new Error('no screen');
        },
      ],
      ['rejects', () => Promise.reject(new Error('no screen'))],
    ] as const) {
      it(`stops nothing where it ${how}, and why is told`, async () => {
        const server = await serve((stream) => stream.write(first(1)));
        const live = connect(server.address);
        const told: string[] = [];
        live.on('live', fail);
        live.on('stale', fail);
        live.on('change', ({ version }) => void told.push(`change ${version.revision}`));
        live.on('live', () => void told.push('live'));
        live.on('stale', () => void told.push('stale'));

        (await server.nextAsked()).renew({ revision: 2 });
        await until(async () => live.status.reason.includes('has not arrived yet'));
        (await server.stream(0)).write(patch(2)); // brings the lease with it
        await live.ready();
        const asked = await server.nextAsked();
        await live.close();

        expect(asked.request).to.deep.include({ version: at(2), rejection: undefined });
        expect(told).to.deep.equal(['change 1', 'change 2', 'live', 'stale']);
        expect(live.status).to.include({ state: 'closed', listenerFailure: 'no screen', rejections: 0 });
        expect(live.current.isStale).to.equal(true);
      });
    }

    it('stops nothing at the end of the lease', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      const stale = new Promise<void>((resolve) => {
        live.on('stale', () => {
          resolve();
          throw new Error('no screen');
        });
      });
      (await server.nextAsked()).renew({ validForMs: 300 });

      await stale;
      (await server.nextAsked()).renew();

      expect(await live.ready()).to.include({ isStale: false });
      expect(live.status.listenerFailure).to.equal('no screen');
    });
  });

  describe('ending', () => {
    it('is for good, though the stream ends before the last word is answered', async () => {
      const server = await serve(
        (stream) => stream.write(first(1)),
        (stream) => stream.write(heartbeat(1, { watcherId: 'w2' })),
      );
      const live = connect(server.address);
      (await server.nextAsked()).renew();
      await live.ready();

      const closed = live.close();
      const last = await server.nextAsked();
      expect(last.request).to.include({ closing: true, watcherId: 'w1' });
      server.answerAll((asked) => {
        asked.renew();
      });
      (await server.stream(0)).end();
      await closed;

      expect(live.current).to.include({ isStale: true, maxPositions: 1 });
      expect(live.status).to.include({ state: 'closed', validForMs: 0 });
      expect(server.streams).to.have.lengthOf(1);
    });

    it('takes nothing in any more, and tells nothing', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      (await server.nextAsked()).renew();
      await live.ready();
      const told: number[] = [];
      live.on('change', ({ version }) => void told.push(version.revision));

      const closed = live.close();
      const last = await server.nextAsked();
      (await server.stream(0)).write(patch(2));
      await until(async () => {
        await settled();
        return (await server.stream(0)).writableLength === 0;
      });
      last.renew({ revision: 2 });
      await closed;

      expect(told).to.deep.equal([]);
      expect(live.current).to.include({ isStale: true, maxPositions: 1 });
    });

    it('is the last word, also where a listener does it as a stream begins', async () => {
      const server = await serve(
        (stream) => stream.write(first(1)),
        (stream) => stream.write(snapshot(2, { watcherId: 'w2' })),
      );
      server.answerAll((asked) => {
        asked.renew();
      });
      const live = connect(server.address);
      await live.ready();
      let closed: Promise<void> | undefined;
      live.on('change', ({ version }) => {
        if (version.revision === 2) closed = live.close();
      });

      (await server.stream(0)).end();
      await until(async () => closed !== undefined);
      await closed;
      await settled();

      const asked = server.asked.map(({ request }) => [request.watcherId, request.closing]);
      expect(asked).to.deep.equal([
        ['w1', false],
        ['w2', true],
      ]);
    });

    it('comes with its signal', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      server.answerAll((asked) => {
        asked.renew();
      });
      const abort = new AbortController();
      const live = connect(server.address, { signal: abort.signal });
      await live.ready();

      abort.abort();
      await live.close();

      expect(server.asked.at(-1)!.request.closing).to.equal(true);
    });

    it('comes with its client, which cannot tell the server then', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const client = keep(new PolicyClient({ addresses: server.address }), (each) => {
        each.close();
      });
      const live = client.live();
      (await server.nextAsked()).renew();
      await live.ready();

      client.close();
      await live.close();

      expect(live.status.state).to.equal('closed');
      expect(live.current.isStale).to.equal(true);
      expect(server.asked.map(({ request }) => request.closing)).to.deep.equal([false]);
    });

    it('tells the server where the client is disposed of', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      server.answerAll((asked) => {
        asked.renew();
      });
      const client = new PolicyClient({ addresses: server.address });
      await client.live().ready();

      await client[Symbol.asyncDispose]();

      expect(server.asked.at(-1)!.request.closing).to.equal(true);
    });

    it('is not held up by a server that does not answer', async () => {
      const server = await serve((stream) => stream.write(first(1)));
      const live = connect(server.address);
      await server.nextAsked();

      await live.close();

      expect(live.status.state).to.equal('closed');
    });
  });

  describe('options', () => {
    for (const [what, options, message] of [
      ['a misspelt name', { lastKnownGod: 'x' }, /did you mean "lastKnownGood"/],
      ['another choice', { whenAway: 'stale' }, /whenAway must be 'reject' or 'serve-stale'/],
      ['an empty instance', { instance: '' }, /instance must be a text of 1 to 128/],
      ['no time for listeners', { listenerTimeoutMs: 0 }, /listenerTimeoutMs must be a positive/],
      ['a short heartbeat', { heartbeatMs: 10 }, /heartbeatMs must be 1000 to 60000/],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const server = await serve();

        expect(() => connect(server.address, options as object)).to.throw(message);
        expect(server.streams).to.have.lengthOf(0);
      });
    }

    it('refuses an event that there is not, and a listener that is none', async () => {
      const live = connect((await serve()).address);

      expect(() => live.on('changed' as 'change', () => undefined)).to.throw(TypeError, '"changed"');
      expect(() => live.on('change', 'listener' as never)).to.throw(TypeError);
    });
  });
});

import { once } from 'node:events';

import { Metadata } from '@grpc/grpc-js';
import { PolicyStoreError } from '@policystore/client';
import { Delivery, GetResponse, type WatchResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { Channels } from '../../clients/typescript/src/channels.js';
import { Operations } from '../../clients/typescript/src/operations.js';
import { Session } from '../../clients/typescript/src/session.js';
import { PolicyWatch } from '../../clients/typescript/src/watch/policy-watch.js';
import { type ErrorReason, PolicyError } from '../../server/src/errors.js';
import { toStatus } from '../../server/src/grpc/error-status.js';
import { rejection } from '../support/rejection.js';
import { startScriptedServer } from '../support/scripted-server.js';
import {
  at,
  createWatchFixture,
  heartbeat,
  patch,
  snapshot,
  type Stream,
} from '../support/scripted-watch.js';

function fail(stream: Stream, reason: ErrorReason): void {
  stream.emit('error', toStatus(new PolicyError(reason, 'as scripted')));
}

describe('PolicyClient.watch', () => {
  const { servers, serve, connect, take } = createWatchFixture();

  it('brings a snapshot, then every change, folded', async () => {
    const { address } = await serve((stream) => {
      for (const message of [snapshot(1), patch(2), heartbeat(2, 2), patch(3)]) stream.write(message);
    });

    const { events, revisions } = await take(3, address);

    expect(revisions).to.deep.equal([1, 2, 3]);
    expect(events.map(({ kind }) => kind)).to.deep.equal(['snapshot', 'change', 'change']);
    expect(events.map(({ policy }) => policy.maxPositions)).to.deep.equal([1, 2, 3]);
    expect(events[2]!.policy.customParams).to.equal(events[0]!.policy.customParams);
  });

  it('says what it wants, and who watches', async () => {
    const { address, streams } = await serve((stream) => stream.write(snapshot(1)));

    const watch = connect(address).watch({ fields: ['risk_mode'], delivery: 'snapshots', heartbeatMs: 1500 });
    const first = await watch.next();
    await watch.return();

    expect(first.value?.policy).to.have.all.keys('riskMode', 'tradingState', 'overrides');
    expect(streams[0]!.request).to.deep.include({
      namespace: 'default',
      after: undefined,
      delivery: Delivery.SNAPSHOTS,
      fields: ['risk_mode'],
      heartbeatInterval: { seconds: 1, nanos: 500_000_000 },
    });
    expect(streams[0]!.request.watcher?.component).to.equal('executor');
    expect(streams[0]!.metadata.get('x-policy-client')).to.deep.equal(['executor']);
  });

  it('goes on from a policy that was read', async () => {
    const { address, streams } = await serve((stream) => stream.write(patch(4)));
    const client = connect(address);

    const watch = client.watch({ after: await client.get() });
    const first = await watch.next();

    expect(streams[0]!.request.after).to.deep.equal(at(3));
    expect(first.value).to.deep.include({ kind: 'change', version: at(4), previous: at(3) });
  });

  it('resumes after a cut connection without loss or repeat', async () => {
    const { address, streams, server } = await serve(
      (stream) => {
        stream.write(snapshot(1));
        stream.write(patch(2));
      },
      (stream) => {
        stream.write(heartbeat(7, 2));
        stream.write(patch(8, 7));
      },
      (stream) => stream.write(patch(9)),
    );

    const watch = connect(address).watch();
    const revisions: number[] = [];
    for await (const { version } of watch) {
      revisions.push(version.revision);
      if (version.revision === 2 || version.revision === 8) server.cut();
      if (version.revision === 9) break;
    }

    expect(revisions).to.deep.equal([1, 2, 8, 9]);
    expect(streams.map(({ request }) => request.after)).to.deep.equal([undefined, at(2), at(8)]);
    expect(watch.reconnects).to.equal(2);
    expect(watch.gaps).to.equal(0);
  });

  it('lets what it saw count for later reads', async () => {
    const requests: unknown[] = [];
    const server = await startScriptedServer({
      watch: (stream) => stream.write(snapshot(41)) && stream.write(patch(42)),
      get: ({ request }, done) => {
        requests.push(request.minVersion);
        done(null, GetResponse.fromPartial({ policy: {}, version: at(42) }));
      },
    });
    servers.push(server);
    const client = connect(server.address);
    const watch = client.watch();
    await watch.next();
    await watch.next();

    await client.get();

    expect(requests).to.deep.equal([at(42)]);
  });

  it('connects again when changes are missing, and asks for what it has not', async () => {
    const { address, streams, events } = await serve(
      (stream) => stream.write(snapshot(1)) && stream.write(patch(3)),
      (stream) => stream.write(patch(2)) && stream.write(patch(3)),
    );
    events.once('stream', (stream: Stream) => stream.on('cancelled', () => events.emit('cancelled')));
    const cancelled = once(events, 'cancelled');

    const { watch, revisions } = await take(3, address);

    await cancelled;
    expect(revisions).to.deep.equal([1, 2, 3]);
    expect(streams[1]!.request.after).to.deep.equal(at(1));
    expect(watch.gaps).to.equal(1);
  });

  it('begins anew with a snapshot, marked as resync, when the server cannot go on', async () => {
    const { address, streams } = await serve(
      (stream) => stream.write(snapshot(1)) && stream.write(patch(3)),
      (stream) => stream.write(patch(3)),
      (stream) => stream.write(snapshot(3)) && stream.write(patch(4)),
    );

    const { watch, events, revisions } = await take(3, address);

    expect(revisions).to.deep.equal([1, 3, 4]);
    expect(events.map(({ resync }) => resync)).to.deep.equal([false, true, false]);
    expect(streams.map(({ request }) => request.after)).to.deep.equal([undefined, at(1), undefined]);
    expect(watch.gaps).to.equal(2);
  });

  it('begins with nothing older than what was read before', async () => {
    const { address, streams } = await serve((stream) => stream.write(snapshot(3)));
    const client = connect(address);
    await client.get();

    const watch = client.watch();
    await watch.next();

    expect(streams[0]!.request).to.deep.include({ after: undefined, minVersion: at(3) });
  });

  it('moves to another address when a server stops, and goes on there', async () => {
    const first = await serve((stream) => stream.write(snapshot(1)));
    const second = await serve((stream) => stream.write(patch(2)));
    const watch = connect([first.address, second.address]).watch();
    await watch.next();

    fail(first.streams[0]!, 'SHUTTING_DOWN');

    expect((await watch.next()).value?.version).to.deep.equal(at(2));
    expect(second.streams[0]!.request.after).to.deep.equal(at(1));
  });

  it('moves to another address when a server falls silent', async () => {
    const silent = await serve((stream) => stream.write(snapshot(1)));
    const second = await serve((stream) => stream.write(patch(2)));

    const { revisions } = await take(2, [silent.address, second.address], { heartbeatMs: 1000 });

    expect(revisions).to.deep.equal([1, 2]);
    expect(second.streams[0]!.request.after).to.deep.equal(at(1));
  });

  it('goes on after a stream that ended without an error', async () => {
    const { address } = await serve(
      (stream) => {
        stream.write(snapshot(1));
        stream.end();
      },
      (stream) => stream.write(patch(2)),
    );

    expect((await take(2, address)).revisions).to.deep.equal([1, 2]);
  });

  for (const reason of ['VALIDATION_FAILED', 'NAMESPACE_UNKNOWN', 'EPOCH_UNKNOWN'] as const) {
    it(`ends with ${reason}, which trying again cannot help`, async () => {
      const { address, streams } = await serve((stream) => {
        fail(stream, reason);
      });
      const watch = connect(address).watch();

      const error = await rejection(watch.next(), Error);

      expect(error).to.be.instanceOf(PolicyStoreError);
      expect(error).to.have.property('reason', reason);
      expect(await watch.next()).to.deep.equal({ done: true, value: undefined });
      expect(streams).to.have.lengthOf(1);
    });
  }

  it('reads no faster than it is iterated', async () => {
    const total = 400;
    const filler = { filler: 'x'.repeat(64 * 1024) };
    let written = 0;
    const { address } = await serve((stream) => {
      const writeOn = (): void => {
        while (written < total) {
          written += 1;
          if (!stream.write(written === 1 ? snapshot(1) : patch(written, written - 1, filler))) {
            stream.once('drain', writeOn);
            return;
          }
        }
      };
      writeOn();
    });
    const client = connect(address);
    const watch = client.watch();
    await watch.next();

    // Round trips over the same connection show that it stands still, not that nobody looked.
    for (let seen = -1, still = 0; still < 50;) {
      await client.get();
      still = seen === written ? still + 1 : 0;
      seen = written;
    }

    expect(written).to.be.lessThan(100);

    for (let revision = 2; revision <= total; revision += 1) {
      const { value } = await watch.next();
      expect(value?.version.revision).to.equal(revision);
    }
  });

  it('waits longer after each failure in a row, also of streams that end soon, and not after one that lived', async () => {
    const stop = (stream: Stream) => {
      fail(stream, 'SHUTTING_DOWN');
    };
    const work = (message: WatchResponse) => (stream: Stream) => {
      stream.write(message);
      stream.end();
    };
    const { address } = await serve(stop, stop, work(snapshot(1)), work(patch(2)), work(patch(3)));
    let now = 0;
    const slept: number[] = [];
    const channels = new Channels([address]);
    const watch = new PolicyWatch(
      {},
      {
        namespace: 'default',
        name: '',
        metadata: new Metadata(),
        channels,
        operations: new Operations(),
        session: new Session(),
        timing: { now: () => now, random: () => 1, sleep: async (ms) => void slept.push(ms) },
      },
    );

    await watch.next();
    await watch.next();
    now += 10_000;
    await watch.next();
    await watch.return();
    channels.close();

    expect(slept).to.deep.equal([50, 100, 200, 50]);
  });

  describe('ending', () => {
    it('tells the server when the loop is left', async () => {
      const { address, streams, events } = await serve((stream) => stream.write(snapshot(1)));
      events.once('stream', (stream: Stream) => stream.on('cancelled', () => events.emit('cancelled')));
      const cancelled = once(events, 'cancelled');

      await take(1, address);

      await cancelled;
      expect(streams).to.have.lengthOf(1);
    });

    it('finishes a waiting next when it is returned', async () => {
      const { address } = await serve((stream) => stream.write(snapshot(1)));
      const watch = connect(address).watch();
      await watch.next();
      const waiting = watch.next();

      await watch.return();

      expect(await waiting).to.deep.equal({ done: true, value: undefined });
    });

    it('rejects with the reason of an abort, also when events have come already', async () => {
      const { address } = await serve((stream) => {
        for (const message of [snapshot(1), patch(2), patch(3)]) stream.write(message);
      });
      const abort = new AbortController();
      const client = connect(address);
      const watch = client.watch({ signal: abort.signal });
      await watch.next();
      // Its answer comes after the patches, over the same connection.
      await client.get();

      abort.abort(new Error('enough'));

      expect(await rejection(watch.next(), Error)).to.have.property('message', 'enough');
    });

    it('does not make the client leave its address', async () => {
      const first = await serve((stream) => stream.write(snapshot(1)));
      const second = await serve();
      const abort = new AbortController();
      const client = connect([first.address, second.address]);
      const watch = client.watch({ signal: abort.signal });
      await watch.next();
      const waiting = rejection(watch.next(), Error);

      abort.abort(new Error('enough'));
      await waiting;
      await client.get();

      expect(second.server.connections).to.equal(0);
      expect(watch.reconnects).to.equal(0);
    });

    it('rejects with the reason of an abort while it waits to connect again', async () => {
      const gone = await serve();
      await gone.server.close();
      const abort = new AbortController();
      const waiting = rejection(connect(gone.address).watch({ signal: abort.signal }).next(), Error);

      abort.abort(new Error('enough'));

      expect(await waiting).to.have.property('message', 'enough');
    });

    it('ends when the client is closed', async () => {
      const { address } = await serve((stream) => stream.write(snapshot(1)));
      const client = connect(address);
      const watch = client.watch();
      await watch.next();
      const waiting = watch.next();

      client.close();

      expect(await waiting).to.deep.equal({ done: true, value: undefined });
    });
  });
});

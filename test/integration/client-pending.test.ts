import { readPolicy } from '@policystore/client';
import {
  type GetRequest,
  GetResponse,
  GlobalPolicy,
  OverrideResponse,
  WatchResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { startScriptedServer } from '../support/scripted-server.js';
import { at, createWatchFixture, patch, snapshot } from '../support/scripted-watch.js';

describe('PolicyClient with a pending override', () => {
  const { servers, serve, connect, take } = createWatchFixture();

  const overrides = [{ name: 'circuit-breaker', pending: true }];
  const tripped = (revision: number) =>
    WatchResponse.fromPartial({ ...patch(revision, revision), overrides });

  it('begins with a snapshot when it connects again, and shows what is no longer in force', async () => {
    const { address, streams } = await serve(
      (stream) => {
        stream.write(snapshot(4));
        stream.write(tripped(4));
        stream.end();
      },
      (stream) => stream.write(snapshot(4)) && stream.write(patch(5)),
    );

    const { watch, events } = await take(4, address);

    expect(events.map(({ kind, version, resync }) => [kind, version.revision, resync])).to.deep.equal([
      ['snapshot', 4, false],
      ['change', 4, false],
      ['snapshot', 4, true],
      ['change', 5, false],
    ]);
    expect(events.map((event) => event.overrides.length)).to.deep.equal([0, 1, 0, 0]);
    expect(streams.map(({ request }) => [request.after, request.minVersion])).to.deep.equal([
      [undefined, undefined],
      [undefined, at(4)],
    ]);
    expect(watch.gaps).to.equal(0);
  });

  it('goes on by version once it is committed', async () => {
    const { address, streams } = await serve(
      (stream) => {
        for (const message of [snapshot(4), tripped(4), patch(5)]) stream.write(message);
        stream.end();
      },
      (stream) => stream.write(patch(6)),
    );

    const { revisions } = await take(4, address);

    expect(revisions).to.deep.equal([4, 4, 5, 6]);
    expect(streams[1]!.request).to.deep.include({ after: at(5), minVersion: undefined });
  });

  it('does not repeat it where it is still in force', async () => {
    const again = snapshot(4);
    const value = { ...(again.event?.value as GlobalPolicy), overrides: tripped(4).overrides };
    const { address } = await serve(
      (stream) => {
        stream.write(snapshot(4));
        stream.write(tripped(4));
        stream.end();
      },
      (stream) => {
        stream.write({ ...again, overrides: tripped(4).overrides, event: { $case: 'snapshot', value } });
        stream.write(patch(5));
      },
    );

    const { events } = await take(3, address);

    expect(events.map(({ kind, version }) => [kind, version.revision])).to.deep.equal([
      ['snapshot', 4],
      ['change', 4],
      ['change', 5],
    ]);
  });

  it('does not go on by version from a policy that has one', async () => {
    const { address, streams } = await serve((stream) => stream.write(snapshot(4)));
    const policy = readPolicy(GlobalPolicy.fromPartial({ overrides }));

    const watch = connect(address).watch({ after: { policy, version: at(4) } });
    const first = await watch.next();

    expect(streams[0]!.request).to.deep.include({ after: undefined, minVersion: at(4) });
    expect(first.value).to.deep.include({ kind: 'snapshot', resync: true, previous: at(4) });
  });

  it('makes the next read ask for the policy, whatever version is held', async () => {
    const requests: GetRequest[] = [];
    const server = await startScriptedServer({
      watch: (stream) => stream.write(snapshot(4)) && stream.write(tripped(4)),
      get: ({ request }, done) => {
        requests.push(request);
        done(null, GetResponse.fromPartial({ policy: {}, version: at(request.ifVersionNot ? 4 : 5) }));
      },
    });
    servers.push(server);
    const client = connect(server.address);
    const watch = client.watch();
    await watch.next();
    const held = (await watch.next()).value!;

    const { version } = await client.get({ ifVersionNot: held.version });
    await client.get({ ifVersionNot: version });

    expect(requests.map(({ ifVersionNot }) => ifVersionNot)).to.deep.equal([undefined, at(5)]);
    expect(requests[0]!.minVersion).to.deep.equal(at(4));
  });

  it('asks for the policy again where it was read or put in force', async () => {
    const asked: GetRequest['ifVersionNot'][] = [];
    const server = await startScriptedServer({
      override: (_call, done) => {
        done(null, OverrideResponse.fromPartial({ version: at(5), override: overrides[0] }));
      },
      get: ({ request }, done) => {
        asked.push(request.ifVersionNot);
        done(
          null,
          GetResponse.fromPartial({ policy: asked.length === 1 ? { overrides } : {}, version: at(4) }),
        );
      },
    });
    servers.push(server);
    const client = connect(server.address);

    const { version } = await client.get();
    await client.get({ ifVersionNot: version });
    await client.override({ reason: 'drawdown' });
    await client.get({ ifVersionNot: at(5) });
    await client.get({ ifVersionNot: at(4) });

    expect(asked).to.deep.equal([undefined, undefined, undefined, at(4)]);
  });
});

import { mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type LiveOptions, type LivePolicy, PolicyClient, RiskMode, TradingState } from '@policystore/client';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { freePort, until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { createLiveFixture, heartbeat, snapshot } from '../support/scripted-live.js';
import { startServer, type TestServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('the last known good policy of a live policy', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  const { serve: serveScript } = createLiveFixture();
  const path = () => join(directory.path, 'executor', 'policy');

  const serve = async (): Promise<TestServer> => keep(await startServer(), (server) => server.close());

  function connect(addresses: string, options: LiveOptions = {}, namespace = 'default'): LivePolicy {
    const client = new PolicyClient({ addresses, name: 'executor', namespace });
    keep(client, (each) => each[Symbol.asyncDispose]());
    return client.live({ lastKnownGood: path(), ...options });
  }

  /** A live policy that finds no server. */
  const connectToNobody = async (options: LiveOptions = {}, namespace?: string): Promise<LivePolicy> =>
    connect(`127.0.0.1:${await freePort()}`, options, namespace);

  const read = (live: LivePolicy) => until(async () => live.status.lastKnownGood?.found !== undefined);

  /** Leaves a file behind, with seven positions. */
  async function leaveFile(): Promise<void> {
    const { address } = await serve();
    const live = connect(address);
    await live.ready();
    const writer = keep(new PolicyClient({ addresses: address }), (each) => {
      each.close();
    });
    const { version } = await writer.patch({
      maxPositions: 7,
      riskMode: RiskMode.AGGRESSIVE,
      allowedSymbols: ['BTCUSDT'],
    });
    await until(async () => live.current.version.revision === version.revision);
    await live.close();
    expect(live.status.lastKnownGood).to.deep.include({ saved: version, failure: undefined });
  }

  it('is what a program holds that finds no server, and is never believed', async () => {
    await leaveFile();

    const live = await connectToNobody({ whenAway: 'serve-stale' });
    const view = await live.ready({ deadlineMs: 100 });

    expect(view).to.equal(live.current);
    expect(view).to.include({
      isStale: true,
      tradingState: TradingState.REDUCE_ONLY,
      maxPositions: 7,
      riskMode: RiskMode.AGGRESSIVE,
    });
    expect([...view.allowedSymbols]).to.deep.equal(['BTCUSDT']);
    const { state, reason, lastKnownGood } = live.status;
    expect(state).to.equal('stale');
    expect(reason).to.match(/^the last known good policy \(\w+:\d+, saved \d+ s ago\): no stream, /);
    expect(lastKnownGood!.ageMs).to.be.within(0, 60_000);
  });

  it('is no reason to be ready unless that was asked for', async () => {
    await leaveFile();

    const live = await connectToNobody();

    await rejection(live.ready({ deadlineMs: 100 }), Error);
    expect(live.current).to.include({ isStale: true, maxPositions: 7 });
  });

  it('gives way to what a server has, which is what listeners hear of', async () => {
    await leaveFile();
    const { address } = await serve(); // another store: five positions
    const live = connect(address, { whenAway: 'serve-stale' });
    const told: number[][] = [];
    live.on('change', (next, previous) => void told.push([previous.maxPositions, next.maxPositions]));

    expect(await live.ready()).to.include({ isStale: false, maxPositions: 5 });

    expect(told).to.have.lengthOf(1);
    expect(told[0]![1]).to.equal(5);
  });

  it('is neither believed nor acknowledged where a stream begins without a policy', async () => {
    const server = await serveScript(
      (stream) => stream.write(heartbeat(9, { watcherId: 'w1' })),
      (stream) => stream.write(heartbeat(9, { watcherId: 'w2', pendingSequence: 3 })),
      (stream) => stream.write(snapshot(9, { watcherId: 'w3' })),
    );
    server.answerAll((asked) => {
      asked.renew();
    });
    await leaveFile();
    const live = connect(server.address);
    const told: number[][] = [];
    live.on('change', (next, previous) => void told.push([previous.maxPositions, next.maxPositions]));
    await read(live);

    expect(await live.ready()).to.include({ isStale: false, maxPositions: 9 });

    expect(told).to.have.lengthOf(1);
    expect(server.asked.map(({ request }) => request.watcherId)).to.deep.equal(['w3']);
    expect(live.status).to.include({ gaps: 2 });
  });

  it('is written whole, and nothing else is left in its directory', async () => {
    await leaveFile();

    expect(await readdir(join(directory.path, 'executor'))).to.deep.equal(['policy']);
    expect((await readFile(path())).toString()).to.match(/^{"format":"policystore-last-known-good\/1",/);
  });

  it('is at the end what was held last, in a file that took the place of the one before', async () => {
    const { address } = await serve();
    const live = connect(address);
    await live.ready();
    const writer = keep(new PolicyClient({ addresses: address }), (each) => {
      each.close();
    });
    await until(async () => live.status.lastKnownGood?.saved !== undefined);
    // While it is open, no other file has its number.
    const before = keep(await open(path()), (file) => file.close());
    const { ino } = await before.stat();

    let newest = 0;
    for (let i = 1; i <= 100; i += 1) newest = (await writer.patch({ maxPositions: i })).version.revision;
    await until(async () => live.current.version.revision === newest);
    await live.close();

    expect(live.status.lastKnownGood?.saved?.revision).to.equal(newest);
    expect((await stat(path())).ino).to.not.equal(ino); // another file took its place
  });

  for (const [what, damage, why] of [
    ['is cut off', () => truncate(path(), 150), 'it is '],
    ['is empty', () => truncate(path(), 0), 'it is no last known good policy'],
    ['was changed', async () => writeFile(path(), `${await readFile(path(), 'latin1')}x`), 'it is damaged'],
    ['is something else', () => writeFile(path(), '#!/bin/sh\n'), 'it is no last known good policy'],
    [
      'is of an unknown format',
      () => writeFile(path(), '{"format":"policystore-last-known-good/9"}\n'),
      'it is in format policystore-last-known-good/9',
    ],
    ['is larger than any policy', () => truncate(path(), 2 ** 30), 'more than any policy'],
  ] as const) {
    it(`is ignored where it ${what}, and why is told`, async () => {
      await leaveFile();
      await damage();

      const live = await connectToNobody({ whenAway: 'serve-stale' });

      await rejection(live.ready({ deadlineMs: 100 }), Error);
      expect(live.current.version.revision).to.equal(0);
      expect(live.status.lastKnownGood).to.deep.include({ ageMs: undefined, saved: undefined });
      expect(live.status.lastKnownGood!.found).to.contain(`ignored: `).and.to.contain(why);
    });
  }

  it('is ignored in another namespace', async () => {
    await leaveFile();

    const live = await connectToNobody({}, 'paper');

    await read(live);
    expect(live.status.lastKnownGood!.found).to.equal('ignored: it is of namespace "default", not "paper"');
  });

  it('is not there at first, and cannot be a directory', async () => {
    const live = await connectToNobody();
    await read(live);
    expect(live.status.lastKnownGood!.found).to.equal('ignored: there is none yet');

    await mkdir(path(), { recursive: true });
    const { address } = await serve();
    const other = connect(address);
    await other.ready();
    await until(async () => other.status.lastKnownGood!.failure !== undefined);

    expect(other.status.lastKnownGood!.found).to.equal('ignored: it is no file');
    expect(other.status).to.include({ state: 'live' });
    expect(await readdir(join(directory.path, 'executor'))).to.deep.equal(['policy']);
  });
});

import {
  type FieldName,
  PolicyClient,
  PolicyStoreError,
  Preset,
  RiskMode,
  View,
  type WatchEvent,
} from '@policystore/client';
import { expect } from 'chai';
import fc from 'fast-check';

import { FIELDS } from '../../server/src/domain/policy.js';
import { arbPatch } from '../support/arbitraries.js';
import { canonical } from '../support/canonical.js';
import { rejection } from '../support/rejection.js';
import { startServer, type TestServer } from '../support/server.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('PolicyClient against the server', () => {
  const directory = temporaryDirectory();
  let server: TestServer;
  let proxy: TcpProxy;
  let client: PolicyClient;
  /** Its connections pass through the proxy. */
  let far: PolicyClient;

  beforeEach(async () => {
    server = await startServer();
    proxy = await startProxy({ port: Number(server.address.split(':')[1]) });
    client = new PolicyClient({ addresses: server.address, name: 'msc_ai' });
    far = new PolicyClient({ addresses: `${proxy.host}:${proxy.port}`, name: 'executor' });
  });

  afterEach(async () => {
    far.close();
    client.close();
    await proxy.close();
    await server.close();
  });

  it('writes, reads back, replaces and resets', async () => {
    const { version } = await client.get();
    const patched = await client.patch(
      { riskMode: RiskMode.DEFENSIVE, allowedSymbols: ['BTC', 'ETH'], oppRankings: { put: { BTC: 0.9 } } },
      { reason: 'drawdown', expectedVersion: version },
    );
    await client.patch({
      allowedSymbols: { add: ['SOL'], remove: ['BTC'] },
      customParams: { a: { b: [1] } },
    });

    const read = await client.get({ view: View.BASE });
    expect(patched.version).to.deep.equal({ ...version, revision: version.revision + 1 });
    expect(patched.patch.riskMode).to.equal(RiskMode.DEFENSIVE);
    expect(read.policy.allowedSymbols).to.deep.equal(['ETH', 'SOL']);
    expect(read.policy.oppRankings).to.deep.equal(new Map([['BTC', 0.9]]));
    expect(canonical(read.policy.customParams)).to.equal(canonical({ a: { b: [1] } }));
    expect(read.validForMs).to.be.greaterThan(0);
    expect((await client.get({ ifVersionNot: read.version })).notModified).to.equal(true);

    await client.update({ ...read.policy, maxPositions: 7 });
    expect((await client.get({ fresh: true })).policy).to.deep.include({
      maxPositions: 7,
      allowedSymbols: ['ETH', 'SOL'],
    });

    const wouldBe = await client.reset(Preset.AGGRESSIVE, { validateOnly: true });
    expect(wouldBe.policy?.riskMode).to.equal(RiskMode.AGGRESSIVE);
    await client.reset(Preset.CONSERVATIVE);
    expect((await client.get()).policy).to.deep.include({ maxPositions: 5, allowedSymbols: [] });
  });

  it('tells errors apart', async () => {
    const { version } = await client.get();
    await client.patch({ maxPositions: 7 });
    const hostile = JSON.parse('{"a":{"__proto__":1}}') as { a: Record<string, number> };

    const stale = rejection(
      client.patch({ maxPositions: 8 }, { expectedVersion: version }),
      PolicyStoreError,
    );
    const wrong = rejection(client.patch({ maxPositions: 101, maxRiskPerTrade: NaN }), PolicyStoreError);
    const polluting = rejection(client.patch({ customParams: hostile }), PolicyStoreError);
    const elsewhere = new PolicyClient({ addresses: server.address, namespace: 'nowhere' });
    const lost = rejection(elsewhere.get(), PolicyStoreError);
    const unwatched = rejection(elsewhere.watch().next(), PolicyStoreError);

    expect(await stale).to.include({ code: 'ABORTED', reason: 'VERSION_MISMATCH' });
    expect(await wrong).to.include({ code: 'INVALID_ARGUMENT', reason: 'VALIDATION_FAILED' });
    expect((await wrong).violations.map(({ field }) => field)).to.have.members([
      'max_positions',
      'max_risk_per_trade',
    ]);
    expect((await polluting).violations.map(({ field }) => field)).to.deep.equal([
      'custom_params.a.__proto__',
    ]);
    expect(await lost).to.include({ code: 'NOT_FOUND', reason: 'NAMESPACE_UNKNOWN' });
    expect(await unwatched).to.include({ code: 'NOT_FOUND', reason: 'NAMESPACE_UNKNOWN' });
    elsewhere.close();
  });

  it('applies every write exactly once when replies are lost', async () => {
    const before = (await client.get()).version.revision;
    const writes = 30;
    let replayed = 0;

    for (let i = 1; i <= writes; i += 1) {
      const reason = `lose the reply ${i}.`;
      proxy.dropReplies(1, (request) => request.includes(reason));
      const result = await far.patch({ oppRankings: { put: { [`S${i}`]: i / 100 } } }, { reason });
      expect(result.version.revision).to.equal(before + i);
      if (result.replayed) replayed += 1;
    }

    expect(proxy.dropped).to.equal(writes);
    expect(replayed).to.be.greaterThan(0);
    expect((await client.get()).version.revision).to.equal(before + writes);
  });

  it('folds any changes to what Get answers, from any start, with any fields, over cut connections', async () => {
    let mark = 0;
    /** Touches every field, so that every watch sees it. */
    const lastChange = () => {
      mark += 1;
      return client.patch({
        riskMode: mark % 2 === 0 ? RiskMode.NORMAL : RiskMode.AGGRESSIVE,
        allowedStrategies: { add: [`mark ${mark}`] },
        allowedSymbols: [`mark ${mark}`],
        maxRiskPerTrade: 1 / (mark + 1),
        maxPositions: mark % 2 === 0 ? 98 : 99,
        globalMinConfidence: 1 / (mark + 1),
        oppRankings: { put: { mark: 1 / (mark + 1) } },
        modelVersions: { put: { mark: String(mark) } },
        systemHealth: { mark },
        customParams: { mark },
      });
    };

    const patches = fc.array(fc.record({ patch: arbPatch, cut: fc.boolean() }), { maxLength: 8 });
    const fields = fc.subarray([...FIELDS]);
    await fc.assert(
      fc.asyncProperty(patches, fields, fc.boolean(), async (steps, chosen: FieldName[], fromHeld) => {
        const held = await client.get();
        const watch = far.watch({ fields: chosen, after: fromHeld ? held : undefined });
        let last: WatchEvent<FieldName> | undefined;
        const following = (async (until: () => number) => {
          for await (const event of watch) {
            if (last) expect(event.version.revision).to.be.greaterThan(last.version.revision);
            last = event;
            if (event.version.revision === until()) return;
          }
        })(() => final);
        let final = Infinity;

        for (const { patch, cut } of steps) {
          await client.patch(patch);
          if (cut) proxy.cut();
        }
        const target = (await lastChange()).version.revision;
        // A watch may have got here already; the next change shows it the new target.
        final = target + 1;
        await lastChange();
        await following;

        const { policy } = await client.get();
        const kept = new Set([...Object.keys(last!.policy)]);
        const expected = Object.fromEntries(Object.entries(policy).filter(([key]) => kept.has(key)));
        expect(canonical(last!.policy)).to.equal(canonical(expected));
        expect(watch.gaps).to.equal(0);
        expect(kept.size).to.equal(chosen.length === 0 ? 13 : chosen.length + 2);
      }),
      { numRuns: 60 },
    );
  });

  it('goes on watching when the server restarts, and sees what was written meanwhile', async () => {
    const store = `sqlite:${directory.path}/policy.db`;
    const first = await startServer({ store });
    const writer = new PolicyClient({ addresses: first.address });
    const watcher = new PolicyClient({ addresses: first.address });
    const watch = watcher.watch();
    const start = (await watch.next()).value!.version;
    await writer.patch({ maxPositions: 11 });
    expect((await watch.next()).value?.policy.maxPositions).to.equal(11);

    await first.close();
    const second = await startServer({ store, flags: ['--grpc-addr', first.address] });
    await writer.patch({ maxPositions: 12 });
    await writer.patch({ maxPositions: 13 });

    const events = [(await watch.next()).value, (await watch.next()).value];
    expect(events.map((event) => event?.policy.maxPositions)).to.deep.equal([12, 13]);
    expect(events.map((event) => event?.version.revision)).to.deep.equal([
      start.revision + 2,
      start.revision + 3,
    ]);
    watcher.close();
    writer.close();
    await second.close();
  });

  it('gives a slow reader one resync instead of what it missed', async () => {
    const watch = client.watch();
    const first = (await watch.next()).value!.version.revision;
    const filler = 'x'.repeat(60_000);
    for (let i = 1; i <= 200; i += 1) await far.patch({ customParams: { filler: `${i}${filler}`, i } });

    const events: WatchEvent[] = [];
    for await (const event of watch) {
      events.push(event);
      if (event.version.revision === first + 200) break;
    }

    expect(events.filter(({ resync }) => resync)).to.have.lengthOf.at.most(1);
    expect(events.at(-1)?.policy.customParams['i']).to.equal(200);
    for (const [i, event] of events.entries()) {
      const previous = events[i - 1]?.version.revision ?? first;
      expect(event.previous?.revision).to.equal(previous);
      if (!event.resync) expect(event.version.revision).to.equal(previous + 1);
    }
  });
});

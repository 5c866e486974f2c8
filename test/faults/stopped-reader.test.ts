import { PolicyClient, type Version } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { bringToStandstill, residentBytes } from '../support/proc-status.js';
import type { ManagedProcess } from '../support/process.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import type { ServerProcess } from '../support/server.js';
import { fingerprint, type Seen, startReader } from './support/reader.js';

/** Enough to fill the recent changes that the server holds in any case. */
const WARM_UP = 3000;
const CHANGES = 10_000;
const AT_ONCE = 1000;
/** More than ten times what it takes on an idle machine. */
const PATIENCE_MS = 180_000;
const PADDING = 'x'.repeat(2000);
const MIB = 1024 * 1024;
/** Queues without bounds would hold several times that. */
const MAX_GROWTH_BYTES = 64 * MIB;
/**
 * A small heap, so that what the server holds shows in its size, and not what it has not collected yet. A small log,
 * so that it makes no difference to the reader if the server gives up its connection meanwhile.
 */
const SMALL = {
  NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2',
  POLICY_LOG_MAX_CHANGES: '1000',
};

describe('a reader that stands still', () => {
  const keep = closeAfterEach();
  let server: ServerProcess;
  let client: PolicyClient;

  beforeEach(async () => {
    server = keep(await startBuiltServer({ ...SMALL, POLICY_STORE: 'memory:' }), (it) => it.kill());
    client = keep(new PolicyClient({ addresses: server.address, deadlineMs: 30_000 }), (it) => it.close());
  });

  /**
   * Commits changes of 2 KB each, and calls `pause` now and then: never so many in between that a reader which
   * goes along could fall behind.
   */
  async function change(count: number, pause: (version: Version) => unknown): Promise<Version> {
    let newest = (await client.get()).version;
    for (let done = 0; done < count; done += AT_ONCE) {
      const versions = await inParallel(AT_ONCE, 250, async (i) => {
        const note = `${newest.revision + i} ${PADDING}`;
        return (await client.patch({ customParams: { note } })).version;
      });
      newest = versions.reduce((a, b) => (a.revision > b.revision ? a : b), newest);
      await pause(newest);
    }
    return newest;
  }

  /** Stops the reader during the changes; another reader must see them all, and the server must not grow. */
  async function changeWhileStopped(reader: ManagedProcess, warm: Version): Promise<Version> {
    const watched = recordWatch(client.watch({ after: await client.get() }));
    await bringToStandstill(reader);
    const before = residentBytes(server);
    let peak = before;
    const end = await change(CHANGES, async ({ revision }) => {
      await watched.reach(revision);
      peak = Math.max(peak, residentBytes(server));
    });
    expect(end.revision).to.equal(warm.revision + CHANGES);
    expectEveryChange(watched.events, warm.revision + 1, end.revision);
    expect(watched.watch.reconnects).to.equal(0);
    expect(peak - before).to.be.below(MAX_GROWTH_BYTES);
    return end;
  }

  it('of changes gets those under way, then one snapshot for all others, and goes on from there', async () => {
    const reader = await startReader({ address: server.address, delivery: 'patches', watches: 8 });
    keep(reader.process, (it) => it.kill());
    const warm = await change(WARM_UP, ({ revision }) => reader.reach(revision));
    const end = await changeWhileStopped(reader.process, warm);

    reader.process.thaw();
    await reader.reach(end.revision);
    const current = await client.get();
    const next = await client.patch({ maxPositions: 99 });
    await reader.reach(next.version.revision);
    for (const { seen, gaps } of reader.watches()) {
      expect(gaps).to.equal(0);
      const skipped = seen.filter(({ resync }) => resync);
      expect(skipped.map(({ kind, revision }) => ({ kind, revision }))).to.deep.equal([
        { kind: 'snapshot', revision: end.revision },
      ]);
      expect(skipped[0]?.policy).to.equal(fingerprint(current.policy));
      const underWay = seen.slice(0, seen.indexOf(skipped[0]!));
      expectSteps(underWay, 1);
      expect(underWay.at(-1)!.revision).to.be.at.least(warm.revision).and.below(end.revision);
      expectSteps(seen.slice(underWay.length), end.revision);
      expect(seen.at(-1)).to.deep.include({ kind: 'change', revision: next.version.revision });
    }
  }).timeout(PATIENCE_MS);

  it('of snapshots of 100 KB gets the one under way, then the newest', async () => {
    const put = new Map(Array.from({ length: 400 }, (_, i) => [`model-${i}`, 'x'.repeat(100)] as const));
    await client.patch({ modelVersions: { put }, systemHealth: { text: 'x'.repeat(60_000) } });
    const reader = await startReader({ address: server.address, delivery: 'snapshots', watches: 1 });
    keep(reader.process, (it) => it.kill());
    const warm = await change(WARM_UP, ({ revision }) => reader.reach(revision));
    const end = await changeWhileStopped(reader.process, warm);

    reader.process.thaw();
    await reader.reach(end.revision);
    const current = await client.get();
    const next = await client.patch({ maxPositions: 99 });
    await reader.reach(next.version.revision);
    const { seen, gaps } = reader.watches()[0]!;
    expect(gaps).to.equal(0);
    const late = seen.filter(({ revision }) => revision > warm.revision);
    const newest = late.findIndex(({ revision }) => revision === end.revision);
    expect(newest, 'snapshots under way').to.be.at.most(2);
    expect(late[newest]).to.deep.include({ kind: 'snapshot', resync: true });
    expect(late[newest]!.policy).to.equal(fingerprint(current.policy));
    expect(late.slice(newest + 1)).to.have.lengthOf(1);
    expect(late.at(-1)).to.deep.include({ revision: next.version.revision, resync: false });
  }).timeout(PATIENCE_MS);
});

function expectSteps(seen: readonly Seen[], first: number): void {
  expect(seen.map(({ revision }) => revision)).to.deep.equal(seen.map((_, i) => first + i));
}

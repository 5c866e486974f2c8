import { ChangeKind, type HistoryEntry } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { timestamp } from '../../../server/src/engine/change.js';
import type { History } from '../../../server/src/engine/history/history.js';
import type { HistoryPage, HistoryQuery } from '../../../server/src/engine/types.js';
import type { PolicyStore, RevisionRange } from '../../../server/src/store/store.js';
import { refusal } from '../../support/engine.js';
import { WrittenLog } from '../../support/written-log.js';

const ALL: HistoryQuery = {
  pageSize: 50,
  pageToken: '',
  actor: '',
  fields: [],
  kinds: [],
  from: undefined,
  to: undefined,
};

async function pages(history: History, query: Partial<HistoryQuery>): Promise<HistoryPage[]> {
  const read: HistoryPage[] = [];
  let pageToken = '';
  do {
    const page = await history.changes({ ...ALL, ...query, pageToken });
    read.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return read;
}

function revisions(entries: readonly HistoryEntry[]): number[] {
  return entries.map(({ change }) => change!.version!.revision);
}

async function listed(history: History, query: Partial<HistoryQuery>): Promise<number[]> {
  return revisions((await pages(history, query)).flatMap(({ entries }) => entries));
}

/** Revisions 1 to 5 and, in another epoch, 26 to 28. */
async function sampleLog(): Promise<WrittenLog> {
  const log = new WrittenLog();
  await log.create();
  await log.patch({ maxPositions: 20 }, { actor: 'msc_ai', reason: 'trend is up' });
  await log.patch({ globalMinConfidence: 0.8 }, { actor: 'governor' });
  await log.override('breaker', { maxPositions: 3 }, { actor: 'governor' });
  await log.patch({ maxPositions: 4, maxRiskPerTrade: 0.02 }, { actor: 'msc_ai' });
  await log.beginEpoch(20);
  await log.restore('breaker', { actor: 'governor' });
  await log.patch({ modelVersions: { clear: false, remove: [], put: new Map([['alpha', '2']]) } });
  return log;
}

describe('the list of changes', () => {
  it('is newest first, and says of each what it did', async () => {
    const log = await sampleLog();
    const { entries, nextPageToken, oldest } = await (await log.history()).changes(ALL);
    expect(revisions(entries)).to.deep.equal([28, 27, 26, 5, 4, 3, 2, 1]);
    expect(nextPageToken).to.equal('');
    expect(oldest).to.deep.equal(log.states[0]!.version);
    const { change, fields } = entries.at(-2)!;
    expect(change).to.deep.include({
      version: log.states[1]!.version,
      kind: ChangeKind.PATCH,
      actor: 'msc_ai',
      reason: 'trend is up',
      commitTime: timestamp(log.states[1]!.commitTime),
    });
    expect(fields).to.deep.equal([{ field: 'max_positions', before: 10, after: 20 }]);
  });

  it('keeps the hash of a request to itself', async () => {
    const { entries } = await (await (await sampleLog()).history()).changes(ALL);
    for (const { change } of entries) expect(change!.requestHash).to.have.lengthOf(0);
  });

  it('comes in pages without a gap or an overlap, however large they are', async () => {
    const log = await sampleLog();
    await log.fill(30);
    const history = await log.history();
    const all = log.states.map(({ version }) => version.revision).reverse();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 50 }), async (pageSize) => {
        const read = await pages(history, { pageSize });
        expect(revisions(read.flatMap(({ entries }) => entries))).to.deep.equal(all);
        for (const { entries } of read) expect(entries.length).to.be.at.most(pageSize);
      }),
    );
  });

  it('goes on where it was while changes are added', async () => {
    const log = await sampleLog();
    const first = await (await log.history()).changes({ ...ALL, pageSize: 3 });
    await log.fill(10);
    const second = await (await log.history()).changes({ ...ALL, pageToken: first.nextPageToken });
    expect(revisions(second.entries)).to.deep.equal([5, 4, 3, 2, 1]);
  });

  it('holds what another replica has just committed', async () => {
    const log = await sampleLog();
    const history = await log.history();
    await log.fill(3);
    expect((await listed(history, {})).slice(0, 4)).to.deep.equal([31, 30, 29, 28]);
  });

  describe('is filtered', () => {
    const cases: [what: string, query: Partial<HistoryQuery>, wanted: number[]][] = [
      ['by actor', { actor: 'governor' }, [27, 4, 3]],
      ['by field', { fields: ['max_positions'] }, [27, 5, 4, 2, 1]],
      ['by any of several fields', { fields: ['max_risk_per_trade', 'model_versions'] }, [28, 5, 1]],
      ['by overrides', { fields: ['overrides'] }, [27, 4]],
      ['by kind', { kinds: [ChangeKind.CREATE, ChangeKind.RECOVER] }, [26, 1]],
      ['by all of these at once', { actor: 'governor', kinds: [ChangeKind.PATCH] }, [3]],
      ['to nothing', { actor: 'nobody' }, []],
    ];
    for (const [what, query, wanted] of cases) {
      it(what, async () => {
        const history = await (await sampleLog()).history();
        expect(await listed(history, query)).to.deep.equal(wanted);
        expect(await listed(history, { ...query, pageSize: 1 })).to.deep.equal(wanted);
      });
    }

    it('by the fields of the effective policy, which an override changes without the base', async () => {
      const log = new WrittenLog();
      await log.create();
      await log.override('breaker', { maxPositions: 3 });
      expect(await listed(await log.history(), { fields: ['max_positions'] })).to.deep.equal([2, 1]);
      expect(await listed(await log.history(), { fields: ['risk_mode'] })).to.deep.equal([1]);
    });

    it('by time, both ends inclusive, in every range', async () => {
      const log = await sampleLog();
      await log.fill(5);
      const history = await log.history();
      const times = log.states.flatMap(({ commitTime }) => [commitTime - 1, commitTime, commitTime + 1]);
      const time = fc.option(fc.constantFrom(...times), { nil: undefined });
      await fc.assert(
        fc.asyncProperty(time, time, fc.integer({ min: 1, max: 5 }), async (from, to, pageSize) => {
          const wanted = log.states
            .filter(({ commitTime }) => commitTime >= (from ?? 0) && commitTime <= (to ?? Infinity))
            .map(({ version }) => version.revision);
          expect(await listed(history, { from, to, pageSize })).to.deep.equal(wanted.reverse());
        }),
      );
    });
  });

  it('ends where nothing older can match', async () => {
    const log = await sampleLog();
    const { nextPageToken } = await (
      await log.history()
    ).changes({ ...ALL, from: log.states[4]!.commitTime });
    expect(nextPageToken).to.equal('');
  });

  it('goes through a bounded part of the log per call, and on from there', async () => {
    const log = new WrittenLog();
    await log.create();
    await log.patch({ maxPositions: 50 }, { actor: 'rare' });
    await log.fill(5100);
    let read = 0;
    const counted: PolicyStore = {
      ...log.store,
      changes: async (namespace: string, range: RevisionRange) => {
        const page = await log.store.changes(namespace, range);
        if (Array.isArray(page)) read += page.length;
        return page;
      },
    };
    const history = await log.history(counted);
    const first = await history.changes({ ...ALL, actor: 'rare' });
    expect(first.entries).to.deep.equal([]);
    expect(read).to.be.lessThan(6100);
    const second = await history.changes({ ...ALL, actor: 'rare', pageToken: first.nextPageToken });
    expect(revisions(second.entries)).to.deep.equal([2]);
    expect(second.nextPageToken).to.equal('');
  });

  it('ends a page early rather than make it many times larger than a message should be', async () => {
    const log = new WrittenLog();
    await log.create();
    for (let i = 0; i < 12; i += 1) await log.patch({ customParams: { [`k${i}`]: 'x'.repeat(60_000) } });
    for (let i = 0; i < 12; i += 1) await log.patch({ customParams: { [`k${i}`]: 'y'.repeat(60_000) } });
    const history = await log.history();
    const read = await pages(history, {});
    expect(read.length).to.be.greaterThan(1);
    expect(revisions(read.flatMap(({ entries }) => entries))).to.have.lengthOf(25);
  });

  describe('takes a page token only', () => {
    const other: [what: string, query: Partial<HistoryQuery>][] = [
      ['another actor', { actor: 'msc_ai' }],
      ['another field', { fields: ['risk_mode'] }],
      ['another kind', { kinds: [ChangeKind.PATCH] }],
      ['another time', { from: 1 }],
    ];
    for (const [what, query] of other) {
      it(`for the query that it came from, not for ${what}`, async () => {
        const history = await (await sampleLog()).history();
        const { nextPageToken: pageToken } = await history.changes({ ...ALL, pageSize: 2 });
        const error = await refusal(history.changes({ ...ALL, ...query, pageToken }), 'PAGE_TOKEN_INVALID');
        expect(error.message).to.include('same namespace and filters');
      });
    }

    it('and nothing that is nested deeply', async () => {
      const history = await (await sampleLog()).history();
      const nested = `[1,"a",${'['.repeat(20_000)}${']'.repeat(20_000)}]`;
      const pageToken = Buffer.from(nested).toString('base64url');
      await refusal(history.changes({ ...ALL, pageToken }), 'PAGE_TOKEN_INVALID');
    });

    it('whatever the order in which the filters are named, and for pages of another size', async () => {
      const history = await (await sampleLog()).history();
      const query = { ...ALL, fields: ['max_positions', 'overrides'] as const };
      const { nextPageToken: pageToken } = await history.changes({ ...query, pageSize: 1 });
      const fields = ['overrides', 'max_positions'] as const;
      const { entries } = await history.changes({ ...query, fields, pageSize: 9, pageToken });
      expect(revisions(entries)).to.deep.equal([5, 4, 2, 1]);
    });

    it('of the same history, not of another store', async () => {
      const [one, two] = [await sampleLog(), await sampleLog()];
      const { nextPageToken: pageToken } = await (await one.history()).changes({ ...ALL, pageSize: 2 });
      await refusal((await two.history()).changes({ ...ALL, pageToken }), 'PAGE_TOKEN_INVALID');
    });

    it('that it gave, whatever else is sent', async () => {
      const history = await (await sampleLog()).history();
      const forged = (parts: unknown): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
      const { nextPageToken } = await history.changes({ ...ALL, pageSize: 2 });
      const [, , digest] = JSON.parse(Buffer.from(nextPageToken, 'base64url').toString()) as unknown[];
      const foreign = [
        forged([0, 'id', digest]),
        forged([-5, 'id', digest]),
        'x',
        '!',
        forged([1]),
        forged([1, 'id', 'digest']),
        forged(null),
        forged({ length: 3 }),
      ];
      for (const pageToken of foreign) {
        await refusal(history.changes({ ...ALL, pageToken }), 'PAGE_TOKEN_INVALID');
      }
    });

    it('until what it leads to is trimmed, and then names the oldest version that is kept', async () => {
      const log = new WrittenLog({ maxEntries: 50, maxBytes: 1_000_000 });
      await log.create();
      await log.fill(60);
      const history = await log.history();
      const { nextPageToken: pageToken } = await history.changes({ ...ALL, pageSize: 20 });
      await log.fill(30);
      // The entry that the token leads from is the oldest one now.
      for (const oldest of [42, 62]) {
        const error = await refusal(
          (await log.history()).changes({ ...ALL, pageToken }),
          'REVISION_COMPACTED',
        );
        expect(error.message).to.include(`${log.state.version.epoch}:${oldest}`);
        await log.fill(20);
      }
    });
  });

  it('ends with the oldest change that is kept', async () => {
    const log = new WrittenLog({ maxEntries: 50, maxBytes: 1_000_000 });
    await log.create();
    await log.fill(60);
    const read = await pages(await log.history(), { pageSize: 20 });
    expect(read.map(({ entries }) => entries.length)).to.deep.equal([20, 20, 10]);
    expect(read.at(-1)!.oldest).to.deep.equal(log.states[11]!.version);
    const empty = await (await log.history()).changes({ ...ALL, to: log.states[10]!.commitTime });
    expect(empty.entries).to.deep.equal([]);
    expect(empty.oldest).to.deep.equal(log.states[11]!.version);
  });

  it('is refused as unavailable where the log is not the one that this replica holds', async () => {
    const [held, other] = [await sampleLog(), await sampleLog()];
    await refusal((await held.history(other.store)).changes(ALL), 'STORE_UNAVAILABLE');
  });

  it('is refused as unavailable while the log cannot be read', async () => {
    const log = await sampleLog();
    const history = await log.history();
    await log.store.close();
    await refusal(history.changes(ALL), 'STORE_UNAVAILABLE');
  });
});

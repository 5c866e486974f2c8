import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Change } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import type { LoggedChange } from '../../../server/src/engine/change.js';
import { RecentChanges } from '../../../server/src/engine/recent-changes.js';

describe('the recent changes', () => {
  it('are the newest ones within both bounds, whatever revisions are left out', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(50),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.constantFrom(0, 0, 0, 0, 1, 7)), {
        maxLength: 60,
      }),
      (maxChanges, maxBytes, after, entries) => {
        const recent = new RecentChanges({ maxChanges, maxBytes });
        const pushed: LoggedChange[] = [];
        for (const [size, leftOut] of entries) {
          const newest = pushed.at(-1)?.revision ?? after;
          const next = changeOf(newest + 1 + leftOut, size);
          pushed.push(next);
          recent.push(next);
          const kept = newestWithin(pushed, maxChanges, maxBytes);
          const gone = pushed.slice(0, pushed.length - kept.length);
          for (const change of kept) expect(recent.at(change.revision)).to.equal(change);
          expect(recent.all).to.deep.equal(kept);
          for (const { revision } of gone) expect(recent.at(revision)).to.equal(undefined);
          if (leftOut > 0) expect(recent.at(next.revision - 1)).to.equal(undefined);
          expect(recent.at(next.revision + 1)).to.equal(undefined);
          expect(recent.at(after)).to.equal(undefined);
        }
      },
    );
    fc.assert(property, { numRuns: 1000 });
  });

  it('let go of what no longer fits', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const recent = new RecentChanges({ maxChanges: 1000, maxBytes: 10 });
    const alive: WeakRef<LoggedChange>[] = [];
    for (let revision = 1; revision <= 500; revision += 1) {
      const next = changeOf(revision, 1);
      alive.push(new WeakRef(next));
      recent.push(next);
    }
    return new Promise((resolve) => setImmediate(resolve)).then(() => {
      collectGarbage();
      expect(alive.filter((change) => change.deref() !== undefined).length).to.be.within(10, 30);
      expect(recent.at(500)?.revision).to.equal(500);
    });
  });
});

function newestWithin(pushed: readonly LoggedChange[], maxChanges: number, maxBytes: number): LoggedChange[] {
  const kept: LoggedChange[] = [];
  let bytes = 0;
  for (const change of [...pushed].reverse()) {
    bytes += change.size;
    if (kept.length === maxChanges || bytes > maxBytes) break;
    kept.unshift(change);
  }
  return kept;
}

function changeOf(revision: number, size: number): LoggedChange {
  const [epoch, id] = ['e', String(revision)];
  const change = Change.create();
  const base = { patch: emptyPatch(), fields: [] };
  return {
    epoch,
    revision,
    id,
    commitTime: revision,
    size,
    change,
    base,
    effective: base,
    overrides: undefined,
  };
}

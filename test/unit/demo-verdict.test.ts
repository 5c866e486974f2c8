import { foldPatch, type Policy, readPolicy } from '@policystore/client';
import { GlobalPolicy, PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';

import type { ChangeMade, DemoRecord, EventSeen, PolicyRead } from '../demo/record.js';
import { findProblems } from '../demo/verdict.js';

/** The policy at revision r allows r positions; revision r was sent at time 10 r. */
const START = readPolicy(GlobalPolicy.fromPartial({ maxPositions: 1 }));

function policyAt(revision: number): Policy {
  return foldPatch(START, PolicyPatch.fromPartial({ maxPositions: revision }));
}

function change(revision: number): ChangeMade {
  return {
    version: { epoch: 'e', revision },
    patch: PolicyPatch.fromPartial({ maxPositions: revision }),
    sentAt: 10 * revision,
  };
}

function read(revision: number): PolicyRead {
  return { version: { epoch: 'e', revision }, policy: policyAt(revision), at: 10 * revision + 1 };
}

function event(revision: number): EventSeen {
  return { ...read(revision), kind: revision === 1 ? 'snapshot' : 'change', resync: false };
}

function record(events: readonly EventSeen[], reads: readonly PolicyRead[] = [1, 4].map(read)): DemoRecord {
  return {
    start: { version: { epoch: 'e', revision: 1 }, policy: START },
    changes: [2, 3, 4].map(change),
    watchers: [{ name: 'watcher', events }],
    executors: [{ name: 'executor', reads }],
  };
}

const COMPLETE = [1, 2, 3, 4].map(event);

describe('the verdict of the demo', () => {
  it('finds nothing where every watcher saw every change and every executor read forward to the last', () => {
    expect(findProblems(record(COMPLETE, [1, 1, 3, 4, 4].map(read)))).to.deep.equal([]);
  });

  it('finds a change that was withheld from a watcher', () => {
    expect(findProblems(record([1, 2, 4].map(event)))).to.deep.equal(['watcher missed e:3']);
  });

  it('finds a change that came twice', () => {
    expect(findProblems(record([1, 2, 3, 3, 4].map(event)))).to.deep.equal([
      'watcher saw e:3 more than once',
    ]);
  });

  it('finds changes that came in another order', () => {
    const problems = findProblems(record([1, 3, 2, 4].map(event)));
    expect(problems).to.deep.equal(['watcher saw the changes in another order']);
  });

  it('finds a resync, which stands for changes that were skipped', () => {
    const resync: EventSeen = { ...event(3), kind: 'snapshot', resync: true };
    const problems = findProblems(record([event(1), event(2), resync, event(4)]));
    expect(problems).to.deep.equal(['watcher got a resync at e:3']);
  });

  it('finds a version that nobody made', () => {
    const problems = findProblems(record([...COMPLETE, event(5)]));
    expect(problems).to.deep.equal(['watcher saw e:5, which nobody made']);
    const other = { ...read(4), version: { epoch: 'other', revision: 4 } };
    expect(findProblems(record(COMPLETE, [read(1), other]))).to.include(
      'executor saw other:4, which nobody made',
    );
  });

  it('finds a version that was seen before it was made', () => {
    const early = { ...read(3), at: 29 };
    expect(findProblems(record(COMPLETE, [early, read(4)]))).to.deep.equal([
      'executor saw e:3 before it was made',
    ]);
  });

  it('finds a policy that is not what the patches fold to', () => {
    const wrong = { ...event(3), policy: policyAt(2) };
    const problem = 'holds another policy at e:3 than the patches fold to';
    expect(findProblems(record([event(1), event(2), wrong, event(4)]))).to.deep.equal([`watcher ${problem}`]);
    expect(findProblems(record(COMPLETE, [wrong, read(4)]))).to.deep.equal([`executor ${problem}`]);
  });

  it('finds reads that go back', () => {
    expect(findProblems(record(COMPLETE, [3, 2, 4].map(read)))).to.deep.equal([
      'executor read e:2 after e:3',
    ]);
  });

  it('finds an executor that never read the last change', () => {
    expect(findProblems(record(COMPLETE, [1, 3].map(read)))).to.deep.equal(['executor never read e:4']);
    expect(findProblems(record(COMPLETE, []))).to.deep.equal(['executor never read e:4']);
  });

  it('finds a gap in what the controllers were answered', () => {
    const { changes, ...rest } = record([1, 2, 4].map(event));
    const problems = findProblems({ ...rest, changes: changes.filter((_, i) => i !== 1) });
    expect(problems).to.deep.equal(['the change e:4 does not follow the one before it']);
  });

  it('reads maps and structs without regard to their order', () => {
    const structs = {
      systemHealth: { a: 1, b: { c: 2, d: 3 } },
      oppRankings: new Map([
        ['A', 1],
        ['B', 0],
      ]),
    };
    const turned = {
      systemHealth: { b: { d: 3, c: 2 }, a: 1 },
      oppRankings: new Map([
        ['B', 0],
        ['A', 1],
      ]),
    };
    const start = { ...START, ...structs };
    const seen = { ...event(1), policy: { ...START, ...turned } };
    const quiet = {
      start: { version: { epoch: 'e', revision: 1 }, policy: start },
      changes: [],
      executors: [],
    };
    expect(findProblems({ ...quiet, watchers: [{ name: 'watcher', events: [seen] }] })).to.deep.equal([]);
  });
});

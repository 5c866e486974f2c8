import { foldPatch, readPolicy } from '@policystore/client';
import { GlobalPolicy, PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';
import { inspect } from 'node:util';

import { AWKWARD_NAMES, HOSTILE_KEYS } from '../../support/arbitraries.js';

/** Large enough for its entries to be shared by those folded onto it. */
const SIZE = 400;

const first = new Map([...AWKWARD_NAMES, ...HOSTILE_KEYS].map((name, i) => [name, i / 100]));
for (let i = 0; first.size < SIZE; i += 1) first.set(`S${i}`, i / SIZE);

const large = readPolicy(GlobalPolicy.fromPartial({ oppRankings: first }));

interface Step {
  readonly clear: boolean;
  readonly remove: string[];
  readonly put: [string, number][];
}

const arbKey = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('S0', 'S1', 'S2', 'S379', 'N1', 'N2', 'N3') },
  { weight: 1, arbitrary: fc.constantFrom(...AWKWARD_NAMES, ...HOSTILE_KEYS) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * SIZE }).map((i) => `S${i}`) },
);
const arbScore = fc.constantFrom(0, 0.25, 0.5, 1);
const arbStep: fc.Arbitrary<Step> = fc.record({
  clear: fc.oneof({ weight: 60, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  remove: fc.array(arbKey, { maxLength: 4 }),
  put: fc.array(fc.tuple(arbKey, arbScore), { maxLength: 6 }),
});

function patchMap(map: ReadonlyMap<string, number>, { clear, remove, put }: Step): Map<string, number> {
  const next = new Map(clear ? [] : map);
  for (const key of remove) next.delete(key);
  for (const [key, score] of put) next.set(key, score);
  return next;
}

function foldStep(policy: typeof large, { clear, remove, put }: Step): typeof large {
  const oppRankings = { clear, remove, put: new Map(put) };
  return foldPatch(policy, PolicyPatch.fromPartial({ oppRankings }));
}

function expectSame(
  map: ReadonlyMap<string, number>,
  plain: Map<string, number>,
  keys: readonly string[],
): void {
  expect(map.size).to.equal(plain.size);
  expect([...map]).to.deep.equal([...plain]);
  for (const key of keys) {
    expect(map.get(key), key).to.equal(plain.get(key));
    expect(map.has(key), key).to.equal(plain.has(key));
  }
}

describe('foldPatch of a large dictionary', () => {
  it('reads like a Map to which the same was done, whatever was done', () => {
    fc.assert(
      fc.property(fc.array(arbStep, { maxLength: 30 }), (steps) => {
        const states = [{ policy: large, plain: new Map(first) }];
        for (const step of steps) {
          const { policy, plain } = states.at(-1)!;
          states.push({ policy: foldStep(policy, step), plain: patchMap(plain, step) });
        }
        const keys = steps.flatMap(({ remove, put }) => [...remove, ...put.map(([key]) => key)]);
        for (const { policy, plain } of states) expectSame(policy.oppRankings, plain, keys);
      }),
      { numRuns: 300 },
    );
  });

  it('has all that a Map has to read it with', () => {
    const step = {
      clear: false,
      remove: ['S1', 'S2'],
      put: [
        ['S2', 0.5],
        ['N1', 0.25],
      ] as [string, number][],
    };
    const { oppRankings } = foldStep(large, step);
    const plain = patchMap(first, step);

    expect([...oppRankings.keys()]).to.deep.equal([...plain.keys()]);
    expect([...oppRankings.values()]).to.deep.equal([...plain.values()]);
    expect([...oppRankings.entries()]).to.deep.equal([...plain.entries()]);
    const seen: [string, number][] = [];
    oppRankings.forEach((score, key, map) => {
      expect(map).to.equal(oppRankings);
      seen.push([key, score]);
    });
    expect(seen).to.deep.equal([...plain]);
    expect(oppRankings).to.deep.equal(plain);
    expect(inspect(oppRankings)).to.equal(inspect(plain));
  });

  it('copies nothing large for a small patch, in at least nine of ten patches', () => {
    const size = 10_000;
    const entries = Array.from({ length: size }, (_, i): [string, number] => [`S${i}`, 0.5]);
    let policy = readPolicy(GlobalPolicy.fromPartial({ oppRankings: new Map(entries) }));
    let copies = 0;

    for (let i = 0; i < 500; i += 1) {
      policy = foldStep(policy, { clear: false, remove: [], put: [[`S${i}`, 0.25]] });
      if (policy.oppRankings instanceof Map) copies += 1;
    }

    expect(copies).to.be.within(1, 50);
    expect([...policy.oppRankings.values()].filter((score) => score === 0.25)).to.have.lengthOf(500);
  });
});

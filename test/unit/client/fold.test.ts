import { foldPatch, type Policy, readPolicy, RiskMode } from '@policystore/client';
import { GlobalPolicy, PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { apply, copyPolicy } from '../../../server/src/domain/patch/patch.js';
import { type Policy as ServerPolicy } from '../../../server/src/domain/policy.js';
import { arbHostilePatch, arbHostilePolicy, arbPatch, arbPolicy } from '../../support/arbitraries.js';
import { canonical } from '../../support/canonical.js';

function held(policy: ServerPolicy): Policy {
  return readPolicy(GlobalPolicy.decode(GlobalPolicy.encode(GlobalPolicy.fromPartial(policy)).finish()));
}

const base = readPolicy(
  GlobalPolicy.fromPartial({
    riskMode: RiskMode.NORMAL,
    allowedStrategies: ['trend'],
    allowedSymbols: ['BTC', 'ETH', 'SOL'],
    maxRiskPerTrade: 0.01,
    maxPositions: 5,
    globalMinConfidence: 0.7,
    oppRankings: new Map([['BTC', 0.9]]),
    customParams: { a: { b: 1, c: [1, 2] }, d: 'x' },
  }),
);

describe('foldPatch', () => {
  for (const [names, policies, patches] of [
    ['ordinary', arbPolicy, arbPatch],
    ['hostile', arbHostilePolicy, arbHostilePatch],
  ] as const) {
    it(`gives what the server has after the same patch, with ${names} names`, () => {
      fc.assert(
        fc.property(policies, patches, (policy, patch) => {
          const before = held(policy);
          const server = copyPolicy(policy);
          const normalised = apply(server, patch).patch;
          const sent = PolicyPatch.decode(PolicyPatch.encode(normalised).finish());

          expect(canonical(foldPatch(before, sent))).to.equal(canonical(held(server)));
          expect(canonical(before)).to.equal(canonical(held(policy)));
        }),
        { numRuns: 1000 },
      );
    });
  }

  it('shares with the policy before what the patch does not touch', () => {
    const after = foldPatch(base, PolicyPatch.fromPartial({ maxPositions: 3 }));

    expect(after.maxPositions).to.equal(3);
    expect(base.maxPositions).to.equal(5);
    expect(after.oppRankings).to.equal(base.oppRankings);
    expect(after.allowedSymbols).to.equal(base.allowedSymbols);
    expect(after.customParams).to.equal(base.customParams);
  });

  it('clears, then removes, then adds', () => {
    const patch = { allowedSymbols: { remove: ['ETH', 'BTC'], add: ['XRP', 'BTC', 'SOL'] } };
    const replace = { allowedSymbols: { clear: true, remove: ['A'], add: ['A', 'B'] } };

    expect(foldPatch(base, PolicyPatch.fromPartial(patch)).allowedSymbols).to.deep.equal([
      'SOL',
      'XRP',
      'BTC',
    ]);
    expect(foldPatch(base, PolicyPatch.fromPartial(replace)).allowedSymbols).to.deep.equal(['A', 'B']);
  });

  it('merges structs: null removes, objects merge, all else replaces', () => {
    const customParams = { a: { b: null, c: 7 }, d: { e: { f: null, g: 1 } } };

    const after = foldPatch(base, PolicyPatch.fromPartial({ customParams }));

    expect(canonical(after.customParams)).to.equal(canonical({ a: { c: 7 }, d: { e: { g: 1 } } }));
  });

  it('takes a mode that it does not know for DEFENSIVE', () => {
    // field 1, varint 9
    const patch = PolicyPatch.decode(Buffer.from([0x08, 9]));

    expect(foldPatch(base, patch).riskMode).to.equal(RiskMode.DEFENSIVE);
  });
});

import { GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { copyPolicy, emptyPatch } from '../../../server/src/domain/patch/patch.js';
import type { Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { WorkingCopy } from '../../../server/src/domain/working-copy.js';
import {
  arbHostilePatch,
  arbHostilePolicy,
  arbPatch,
  arbPolicy,
  arbSmallPatch,
  arbSmallPolicy,
} from '../../support/arbitraries.js';

function sizeOf(policy: Policy): number {
  return GlobalPolicy.encode(GlobalPolicy.create(policy)).finish().length;
}

describe('the working copy', () => {
  const universes = [
    { names: 'few names', policy: arbSmallPolicy, patch: arbSmallPatch },
    { names: 'awkward names', policy: arbPolicy, patch: arbPatch },
    { names: 'hostile names', policy: arbHostilePolicy, patch: arbHostilePatch },
  ];
  for (const { names, policy, patch } of universes) {
    it(`knows its encoded size after every patch over ${names} and after undoing them`, () => {
      fc.assert(
        fc.property(policy, fc.array(patch, { maxLength: 5 }), (start, patches) => {
          const copy = new WorkingCopy(copyPolicy(start));
          expect(copy.encodedSize).to.equal(sizeOf(start));
          const inverses = patches.map((change) => {
            const { inverse } = copy.apply(change);
            expect(copy.encodedSize).to.equal(sizeOf(copy.policy));
            return inverse;
          });
          for (const inverse of inverses.reverse()) copy.apply(inverse);
          expect(copy.encodedSize).to.equal(sizeOf(start));
          expect(copy.policy).to.deep.equal(start);
        }),
        { numRuns: 1000 },
      );
    });
  }

  it('measures one ranking among many without going through them', () => {
    let visits = 0;
    class Watched extends Map<string, number> {
      override forEach(visit: (value: number, key: string, map: Map<string, number>) => void): void {
        visits += this.size;
        super.forEach(visit);
      }
    }
    const oppRankings = new Watched(Array.from({ length: 10_000 }, (_, i) => [`S${i}`, 0.5]));
    const copy = new WorkingCopy({ ...presetPolicy('default'), oppRankings });
    expect(visits).to.equal(10_000);
    copy.apply({ ...emptyPatch(), oppRankings: { clear: false, remove: ['S1'], put: new Map([['S2', 0]]) } });
    expect(visits).to.equal(10_000);
    expect(copy.encodedSize).to.equal(sizeOf(copy.policy));
  });
});

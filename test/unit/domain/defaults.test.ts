import { GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { completeUpdate } from '../../../server/src/domain/defaults.js';
import { presetPolicy, presets } from '../../../server/src/domain/presets.js';
import { validatePolicy } from '../../../server/src/domain/validate.js';
import { arbPolicy } from '../../support/arbitraries.js';

describe('the presets', () => {
  it('are policies that break no rule and let nothing trade', () => {
    for (const name of ['default', 'conservative', 'aggressive'] as const) {
      const policy = presetPolicy(name);
      expect(validatePolicy(GlobalPolicy.create(policy))).to.deep.equal([]);
      expect(policy).to.include(presets[name]);
      expect(policy.allowedStrategies).to.deep.equal([]);
    }
  });

  it('are not shared between two policies', () => {
    presetPolicy('default').oppRankings.set('A', 1);
    expect(presetPolicy('default').oppRankings.size).to.equal(0);
  });
});

describe('an update', () => {
  const defaults = presets.conservative;

  it('takes the defaults for absent scalars and nothing for the rest', () => {
    expect(completeUpdate(GlobalPolicy.create(), defaults)).to.deep.equal(presetPolicy('conservative'));
  });

  it('keeps what is given, zero included', () => {
    fc.assert(
      fc.property(arbPolicy, (policy) => {
        expect(completeUpdate(GlobalPolicy.create(policy), defaults)).to.deep.equal(policy);
      }),
      { numRuns: 1000 },
    );
    expect(
      completeUpdate(GlobalPolicy.create({ globalMinConfidence: 0 }), defaults).globalMinConfidence,
    ).to.equal(0);
  });

  it('collapses duplicates into the first', () => {
    const update = GlobalPolicy.create({ allowedSymbols: ['B', 'A', 'B'], allowedStrategies: ['s', 's'] });
    const policy = completeUpdate(update, defaults);
    expect(policy.allowedSymbols).to.deep.equal(['B', 'A']);
    expect(policy.allowedStrategies).to.deep.equal(['s']);
  });

  it('drops null members of structs at any depth', () => {
    const update = GlobalPolicy.create({ customParams: { a: null, b: { c: null, d: 1 } } });
    expect(JSON.stringify(completeUpdate(update, defaults).customParams)).to.equal('{"b":{"d":1}}');
  });
});

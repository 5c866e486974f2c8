import { GlobalPolicy, RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { completeUpdate, parseDefaults } from '../../../server/src/domain/defaults.js';
import { presetPolicy, presets } from '../../../server/src/domain/presets.js';
import { validatePolicy } from '../../../server/src/domain/validate.js';
import { arbPolicy } from '../../support/arbitraries.js';

describe('the QT_* settings', () => {
  it('have values of their own', () => {
    expect(parseDefaults({})).to.deep.equal({
      riskMode: RiskMode.NORMAL,
      maxRiskPerTrade: 0.01,
      maxPositions: 5,
      globalMinConfidence: 0.7,
    });
  });

  it('are read in any letter case and notation', () => {
    const env = {
      QT_RISK_MODE: ' aggressive ',
      QT_MAX_RISK_PER_TRADE: '5e-3',
      QT_MAX_POSITIONS: '+100',
      QT_CONFIDENCE_THRESHOLD: '.5',
    };
    expect(parseDefaults(env)).to.deep.equal({
      riskMode: RiskMode.AGGRESSIVE,
      maxRiskPerTrade: 0.005,
      maxPositions: 100,
      globalMinConfidence: 0.5,
    });
  });

  const bad: [name: string, value: string, problem: string][] = [
    ['QT_RISK_MODE', 'BOLD', 'must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "BOLD"'],
    ['QT_RISK_MODE', '2', 'must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "2"'],
    ['QT_RISK_MODE', 'UNSPECIFIED', 'must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "UNSPECIFIED"'],
    ['QT_MAX_RISK_PER_TRADE', '0', 'must be above 0 and at most 1, got 0'],
    ['QT_MAX_RISK_PER_TRADE', '2%', 'must be a number above 0 and at most 1, got "2%"'],
    ['QT_MAX_RISK_PER_TRADE', 'NaN', 'must be a number above 0 and at most 1, got "NaN"'],
    ['QT_MAX_RISK_PER_TRADE', '1e999', 'must be a number above 0 and at most 1, got Infinity'],
    ['QT_MAX_POSITIONS', '', 'must be an integer between 1 and 100, got ""'],
    ['QT_MAX_POSITIONS', '101', 'must be between 1 and 100, got 101'],
    ['QT_MAX_POSITIONS', '2.5', 'must be an integer between 1 and 100, got 2.5'],
    ['QT_MAX_POSITIONS', '0x10', 'must be an integer between 1 and 100, got "0x10"'],
    ['QT_CONFIDENCE_THRESHOLD', '-0.1', 'must be between 0 and 1, got -0.1'],
    ['QT_CONFIDENCE_THRESHOLD', '70', 'must be between 0 and 1, got 70'],
  ];
  for (const [name, value, problem] of bad) {
    it(`refuse ${name}=${value}`, () => {
      expect(() => parseDefaults({ [name]: value }))
        .to.throw(Error)
        .with.property('message', `${name} ${problem}`);
    });
  }

  it('are all named when all are wrong', () => {
    const env = {
      QT_RISK_MODE: 'x',
      QT_MAX_RISK_PER_TRADE: 'x',
      QT_MAX_POSITIONS: 'x',
      QT_CONFIDENCE_THRESHOLD: 'x',
    };
    const names = Object.keys(env);
    expect(() => parseDefaults(env))
      .to.throw(Error)
      .with.property('message')
      .that.matches(new RegExp(names.join('.*; ')));
  });
});

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
  const defaults = parseDefaults({});

  it('takes the defaults for absent scalars and nothing for the rest', () => {
    expect(completeUpdate(GlobalPolicy.create(), defaults)).to.deep.equal({
      ...presetPolicy('default'),
      ...defaults,
    });
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

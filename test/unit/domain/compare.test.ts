import { RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { compare, type Direction, type OrderedField } from '../../../server/src/domain/compare.js';
import { LIMITED } from '../../../server/src/domain/effective.js';
import type { Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { tighten } from '../../../server/src/domain/tighten.js';
import { arbSmallLimits, arbSmallPolicy } from '../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };

describe('the comparison of a field before and after', () => {
  const cases: [field: OrderedField, before: Partial<Policy>, after: Partial<Policy>, Direction][] = [
    ['risk_mode', { riskMode: RiskMode.NORMAL }, { riskMode: RiskMode.DEFENSIVE }, 'tighter'],
    ['risk_mode', { riskMode: RiskMode.NORMAL }, { riskMode: RiskMode.AGGRESSIVE }, 'looser'],
    ['max_risk_per_trade', { maxRiskPerTrade: 0.02 }, { maxRiskPerTrade: 0.01 }, 'tighter'],
    ['max_risk_per_trade', { maxRiskPerTrade: 0.02 }, { maxRiskPerTrade: 0.03 }, 'looser'],
    ['max_positions', { maxPositions: 5 }, { maxPositions: 4 }, 'tighter'],
    ['max_positions', { maxPositions: 5 }, { maxPositions: 6 }, 'looser'],
    ['global_min_confidence', { globalMinConfidence: 0.5 }, { globalMinConfidence: 0.6 }, 'tighter'],
    ['global_min_confidence', { globalMinConfidence: 0.5 }, { globalMinConfidence: 0.4 }, 'looser'],
    ['allowed_symbols', { allowedSymbols: ['A', 'B'] }, { allowedSymbols: ['B'] }, 'tighter'],
    ['allowed_symbols', { allowedSymbols: ['A', 'B'] }, { allowedSymbols: [] }, 'tighter'],
    ['allowed_symbols', { allowedSymbols: ['A'] }, { allowedSymbols: ['A', 'B'] }, 'looser'],
    ['allowed_symbols', { allowedSymbols: ['A', 'B'] }, { allowedSymbols: ['A', 'C'] }, 'mixed'],
    ['allowed_symbols', { allowedSymbols: ['A', 'B'] }, { allowedSymbols: ['B', 'A'] }, 'mixed'],
    ['allowed_symbols', { allowedSymbols: ['A', 'B', 'C'] }, { allowedSymbols: ['C', 'A'] }, 'mixed'],
    ['allowed_strategies', { allowedStrategies: ['x'] }, { allowedStrategies: ['y'] }, 'mixed'],
    ['allowed_strategies', { allowedStrategies: ['x'] }, { allowedStrategies: ['x'] }, 'same'],
  ];
  for (const [field, before, after, direction] of cases) {
    it(`calls ${field} from ${JSON.stringify(before)} to ${JSON.stringify(after)} ${direction}`, () => {
      const preset = presetPolicy('default');
      expect(compare({ ...preset, ...before }, { ...preset, ...after }, field)).to.equal(direction);
    });
  }

  it('finds nothing looser in what limits did, and nothing tighter in undoing it', () => {
    const undone = { same: 'same', tighter: 'looser' };
    const check = fc.property(arbSmallPolicy, arbSmallLimits, (policy, limits) => {
      const tightened = tighten(policy, limits);
      for (const field of LIMITED) {
        const direction = compare(policy, tightened, field);
        expect(direction).to.be.oneOf(['same', 'tighter']);
        expect(compare(tightened, policy, field)).to.equal(undone[direction as 'same']);
      }
    });
    fc.assert(check, RUNS);
  });

  it('says same exactly where nothing changed, and the opposite the other way round', () => {
    const opposite = { same: 'same', tighter: 'looser', looser: 'tighter', mixed: 'mixed' };
    const check = fc.property(arbSmallPolicy, arbSmallPolicy, (a, b) => {
      for (const field of LIMITED) expect(compare(b, a, field)).to.equal(opposite[compare(a, b, field)]);
      expect(compare(a, b, 'allowed_symbols') === 'same').to.equal(
        JSON.stringify(a.allowedSymbols) === JSON.stringify(b.allowedSymbols),
      );
    });
    fc.assert(check, RUNS);
  });

  it('calls a chain of tighter changes tighter', () => {
    const check = fc.property(arbSmallPolicy, fc.array(arbSmallLimits, { maxLength: 4 }), (policy, chain) => {
      const end = chain.reduce(tighten, policy);
      for (const field of LIMITED) expect(compare(policy, end, field)).to.be.oneOf(['same', 'tighter']);
    });
    fc.assert(check, RUNS);
  });
});

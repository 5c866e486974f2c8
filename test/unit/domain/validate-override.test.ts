import { Limits, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import {
  type OverrideContent,
  validateName,
  validateOverride,
} from '../../../server/src/domain/validate-override.js';
import { arbLimits, arbOverride, AWKWARD_NAMES, HOSTILE_KEYS } from '../../support/arbitraries.js';

/** What a newer client may send. */
function unknownEnum(value: number): never {
  return value as never;
}

function violations(part: Partial<OverrideContent>): string[] {
  const content = { name: '', limits: undefined, reason: 'drawdown', ttlMs: undefined, ...part };
  return validateOverride(content).map(({ field, description }) => `${field}: ${description}`);
}

function limited(part: Partial<Limits>): string[] {
  return violations({ limits: { ...Limits.create(), maxPositions: 3, ...part } });
}

function numbered(count: number, prefix = 'S'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`);
}

const DAY_MS = 24 * 3600 * 1000;
const FOREVER = 'leave it out to keep the override in force until it is restored';
const NO_LIMIT =
  'limits: must limit something; leave limits out for those of the circuit breaker: REDUCE_ONLY, DEFENSIVE, ' +
  '3 positions, all strategies blocked';

describe('the check of an override', () => {
  it('lets the circuit breaker pass with nothing but a reason', () => {
    expect(violations({})).to.deep.equal([]);
  });

  it('lets every override pass that restricts something', () => {
    fc.assert(
      fc.property(
        arbOverride,
        fc.double({ min: 1e-6, max: 3650 * DAY_MS, noNaN: true }),
        (override, ttlMs) => {
          const { name, limits } = override;
          expect(violations({ name, limits, ttlMs })).to.deep.equal([]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('takes names to block that nobody uses, and reserved ones', () => {
    expect(limited({ blockStrategies: AWKWARD_NAMES, blockSymbols: [...HOSTILE_KEYS, 'A'] })).to.deep.equal(
      [],
    );
  });

  it('takes every bound', () => {
    expect(limited({ maxRiskPerTrade: 1, maxPositions: 1, globalMinConfidence: 0 })).to.deep.equal([]);
    expect(limited({ maxRiskPerTrade: 5e-324, maxPositions: 100, globalMinConfidence: 1 })).to.deep.equal([]);
    expect(limited({ blockSymbols: numbered(1000) })).to.deep.equal([]);
    expect(violations({ name: 'n'.repeat(128), reason: 'r'.repeat(1024), ttlMs: 0.000_001 })).to.deep.equal(
      [],
    );
    expect(violations({ ttlMs: 3653 * DAY_MS })).to.deep.equal([]);
  });

  const refused: [what: string, found: () => string[], said: string[]][] = [
    [
      'an unknown trading state',
      () => limited({ tradingState: unknownEnum(7) }),
      ['limits.trading_state: must be one of HALTED, REDUCE_ONLY, ACTIVE, got 7'],
    ],
    [
      'an unknown risk mode',
      () => limited({ riskMode: unknownEnum(-1) }),
      ['limits.risk_mode: must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got -1'],
    ],
    [
      'no risk',
      () => limited({ maxRiskPerTrade: 0 }),
      ['limits.max_risk_per_trade: must be above 0 and at most 1, got 0'],
    ],
    [
      'a risk that is no number',
      () => limited({ maxRiskPerTrade: NaN }),
      ['limits.max_risk_per_trade: must be a number above 0 and at most 1, got NaN'],
    ],
    [
      'no positions',
      () => limited({ maxPositions: 0 }),
      ['limits.max_positions: must be between 1 and 100, got 0'],
    ],
    [
      'a part of a position',
      () => limited({ maxPositions: 2.5 }),
      ['limits.max_positions: must be an integer between 1 and 100, got 2.5'],
    ],
    [
      'a boundless confidence',
      () => limited({ globalMinConfidence: Infinity }),
      ['limits.global_min_confidence: must be a number between 0 and 1, got Infinity'],
    ],
    [
      'an empty name to block',
      () => limited({ blockSymbols: ['A', 'B', 'C', ''] }),
      ['limits.block_symbols[3]: must have 1 to 128 characters, got ""'],
    ],
    [
      'a control character in a name to block',
      () => limited({ blockStrategies: ['a\nb'] }),
      ['limits.block_strategies[0]: must have no control characters and be well-formed Unicode, got "a\\nb"'],
    ],
    [
      'too many names to block, as one violation',
      () => limited({ blockSymbols: Array.from({ length: 1001 }, () => '') }),
      ['limits.block_symbols: must have at most 1000 entries, got 1001'],
    ],
    ['limits that limit nothing', () => violations({ limits: Limits.create() }), [NO_LIMIT]],
    [
      'limits that every policy keeps',
      () =>
        violations({
          limits: {
            ...Limits.create(),
            tradingState: TradingState.ACTIVE,
            riskMode: RiskMode.AGGRESSIVE,
            maxRiskPerTrade: 1,
            maxPositions: 100,
            globalMinConfidence: 0,
          },
        }),
      [NO_LIMIT],
    ],
    ['no reason', () => violations({ reason: '' }), ['reason: is required: say why']],
    [
      'a reason that nobody can see',
      () => violations({ reason: ' \t\u00a0\u200b\n' }),
      ['reason: is required: say why'],
    ],
    [
      'a long reason',
      () => violations({ reason: 'r'.repeat(1025) }),
      ['reason: must have at most 1024 characters, has 1025'],
    ],
    [
      'half of a surrogate pair in the reason',
      () => violations({ reason: 'a\ud800' }),
      ['reason: must be well-formed Unicode, got "a\\ud800"'],
    ],
    [
      'no time',
      () => violations({ ttlMs: 0 }),
      [`ttl: must be above 0 and at most ten years, got 0 s; ${FOREVER}`],
    ],
    [
      'a negative time',
      () => violations({ ttlMs: -1500 }),
      [`ttl: must be above 0 and at most ten years, got -1.5 s; ${FOREVER}`],
    ],
    [
      'a time that is no number',
      () => violations({ ttlMs: NaN }),
      [`ttl: must be above 0 and at most ten years, got NaN s; ${FOREVER}`],
    ],
    [
      'more than ten years',
      () => violations({ ttlMs: 3653 * DAY_MS + 1 }),
      [`ttl: must be above 0 and at most ten years, got 315619200.001 s; ${FOREVER}`],
    ],
  ];
  for (const [what, found, said] of refused) {
    it(`refuses ${what}`, () => {
      expect(found()).to.deep.equal(said);
    });
  }

  it('finds every violation at once', () => {
    const limits = {
      ...Limits.create(),
      tradingState: unknownEnum(9),
      maxPositions: 101,
      blockSymbols: [''],
    };
    const found = validateOverride({ name: '\u0007', limits, reason: ' ', ttlMs: -1 });
    expect(found.map(({ field }) => field)).to.deep.equal([
      'name',
      'limits.trading_state',
      'limits.max_positions',
      'limits.block_symbols[0]',
      'reason',
      'ttl',
    ]);
  });

  it('refuses an override of more than 32 KiB, repeated names counted once', () => {
    const long = numbered(300, 's'.repeat(120));
    expect(limited({ blockSymbols: long.slice(0, 200) })).to.deep.equal([]);
    const [said] = limited({ blockSymbols: long });
    expect(said).to.match(/^limits: an override must be at most 32 KiB encoded, got \d+ bytes: /);
    const repeated = Array.from({ length: 1000 }, (_, i) => long[i % 100] ?? '');
    expect(limited({ blockSymbols: repeated })).to.deep.equal([]);
  });

  it('never fails, whatever is sent', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    const number = fc.oneof(fc.double(), fc.integer());
    const limits = fc
      .tuple(arbLimits, fc.option(number, { nil: undefined }), fc.integer(), fc.array(text))
      .map(([known, value, state, names]) => ({
        ...known,
        tradingState: unknownEnum(state),
        maxRiskPerTrade: value,
        maxPositions: value,
        blockSymbols: names,
      }));
    fc.assert(
      fc.property(text, limits, text, number, (name, given, reason, ttlMs) => {
        expect(() => validateOverride({ name, limits: given, reason, ttlMs })).to.not.throw();
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the name of an override', () => {
  it('may be any name', () => {
    for (const name of ['', 'circuit-breaker', ...AWKWARD_NAMES]) {
      expect(validateName(name)).to.deep.equal([]);
    }
  });

  it('may not be long, broken or a reserved key', () => {
    for (const name of ['n'.repeat(129), 'a\u0000', '\udc00', ...HOSTILE_KEYS]) {
      expect(validateName(name).map(({ field }) => field)).to.deep.equal(['name']);
      expect(violations({ name })).to.have.length(1);
    }
  });
});

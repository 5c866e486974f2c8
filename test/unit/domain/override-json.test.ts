import { type Override, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { overrideFromJson, overrideJson } from '../../../server/src/domain/override-json.js';
import { completeLimits } from '../../../server/src/domain/overrides.js';
import type { Json, JsonObject } from '../../../server/src/domain/policy.js';
import { arbLimits, arbName, arbOverride } from '../../support/arbitraries.js';
import { limits, override } from '../../support/overrides.js';

const RUNS = { numRuns: 1000 };

const arbTime = fc.record({
  seconds: fc.integer({ min: Date.UTC(0, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }),
  nanos: fc.oneof(fc.constantFrom(0, 1, 999, 1000, 999_999_999), fc.integer({ min: 0, max: 999_999_999 })),
});

/** Also with limits that this server does not know. */
const arbAnyOverride: fc.Arbitrary<Override> = fc.record({
  name: arbName,
  limits: fc.oneof(
    { weight: 5, arbitrary: arbLimits },
    { weight: 1, arbitrary: arbLimits.map((known) => ({ ...known, tradingState: 9 as never })) },
    { weight: 1, arbitrary: arbLimits.map((known) => ({ ...known, riskMode: -1 as never })) },
  ),
  reason: fc.string({ unit: 'binary' }),
  actor: fc.string({ unit: 'binary' }),
  actorVerified: fc.boolean(),
  since: fc.option(arbTime, { nil: undefined }),
  until: fc.option(arbTime, { nil: undefined }),
  pending: fc.constant(false),
  earlierActors: fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
});

function parsed(given: Override): JsonObject {
  return JSON.parse(JSON.stringify(overrideJson(given))) as JsonObject;
}

/** What says everything that an override can say. */
const FULL = override({
  limits: {
    tradingState: TradingState.HALTED,
    riskMode: RiskMode.DEFENSIVE,
    maxRiskPerTrade: 0.005,
    maxPositions: 1,
    globalMinConfidence: 0.9,
    blockAllStrategies: true,
    blockStrategies: ['grid'],
    blockSymbols: ['DOGEUSDT', 'SHIBUSDT'],
  },
  reason: 'drawdown',
  actor: 'safety_governor',
  since: { seconds: 1_700_000_000, nanos: 123_456_000 },
  until: { seconds: 1_700_003_600, nanos: 1 },
});

describe('the JSON of an override', () => {
  it('reads as people expect', () => {
    expect(overrideJson(FULL)).to.deep.equal({
      name: 'ban',
      limits: {
        trading_state: 'HALTED',
        risk_mode: 'DEFENSIVE',
        max_risk_per_trade: 0.005,
        max_positions: 1,
        global_min_confidence: 0.9,
        block_all_strategies: true,
        block_strategies: ['grid'],
        block_symbols: ['DOGEUSDT', 'SHIBUSDT'],
      },
      reason: 'drawdown',
      actor: 'safety_governor',
      since: '2023-11-14T22:13:20.123456Z',
      until: '2023-11-14T23:13:20.000000001Z',
    });
  });

  it('leaves out what is unset', () => {
    expect(overrideJson(override({ limits: limits({ maxPositions: 3 }) }))).to.deep.equal({
      name: 'ban',
      limits: { max_positions: 3 },
      reason: '',
      actor: '',
    });
  });

  it('says the circuit breaker’s limits where none are given', () => {
    const [bare, full] = [undefined, completeLimits(undefined)].map((given) => override({ limits: given }));
    expect(overrideJson(bare!)).to.deep.equal(overrideJson(full!));
  });

  it('keeps an override exactly', () => {
    fc.assert(
      fc.property(fc.oneof(arbOverride, arbAnyOverride), (given) => {
        expect(overrideFromJson(parsed(given))).to.deep.equal(given);
      }),
      RUNS,
    );
  });

  it('is understood in any order of its members', () => {
    const reversed = Object.fromEntries(Object.entries(parsed(FULL)).reverse());
    expect(overrideFromJson(reversed)).to.deep.equal(FULL);
  });

  const sound = parsed(FULL);
  const bounds = sound['limits'] as JsonObject;
  const within = (part: JsonObject): Json => ({ ...sound, limits: { ...bounds, ...part } });
  const without = (member: string): Json =>
    Object.fromEntries(Object.entries(sound).filter(([key]) => key !== member));
  const refused: [what: string, json: Json][] = [
    ['no object', 'ban'],
    ['null', null],
    ['no name', without('name')],
    ['no limits', without('limits')],
    ['limits that are no object', { ...sound, limits: [] }],
    ['no reason', without('reason')],
    ['an actor that is no text', { ...sound, actor: 7 }],
    ['a member that is not known', { ...sound, pending: true }],
    ['a limit that is not known', within({ max_leverage: 2 })],
    ['a trading state that is not known', within({ trading_state: 'LIQUIDATE' })],
    ['a trading state of another case', within({ trading_state: 'halted' })],
    ['a trading state by its number', within({ trading_state: 1 })],
    ['a trading state by its number as text', within({ trading_state: '1' })],
    ['a trading state that is inherited', within({ trading_state: 'toString' })],
    ['an unspecified trading state', within({ trading_state: 'UNSPECIFIED' })],
    ['a trading state between two', within({ trading_state: 1.5 })],
    ['a risk mode that is null', within({ risk_mode: null })],
    ['a number as text', within({ max_risk_per_trade: '0.005' })],
    ['a number beyond all numbers', within({ max_risk_per_trade: Infinity })],
    ['half a position', within({ max_positions: 1.5 })],
    ['a block of all that is no yes or no', within({ block_all_strategies: 1 })],
    ['names that are no list', within({ block_symbols: 'DOGEUSDT' })],
    ['names that are no texts', within({ block_symbols: [1] })],
    ['a time without a zone', { ...sound, since: '2023-11-14T22:13:20.123456' }],
    ['a time without a fraction', { ...sound, since: '2023-11-14T22:13:20Z' }],
    ['a time to the millisecond', { ...sound, since: '2023-11-14T22:13:20.123Z' }],
    ['a day that is not', { ...sound, until: '2023-02-30T00:00:00.000000Z' }],
    ['no time', { ...sound, until: 'never' }],
    ['an end that is null', { ...sound, until: null }],
  ];
  for (const [what, json] of refused) {
    it(`is refused with ${what}`, () => {
      expect(overrideFromJson(json)).to.equal(undefined);
    });
  }
});

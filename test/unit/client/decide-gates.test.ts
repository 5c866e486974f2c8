import {
  activeModel,
  approveSignal,
  authorizeTrade,
  checkCapacity,
  type Decision,
  NO_POLICY,
  type Policy,
  type ReasonCode,
  staleView,
  type Trade,
  TradingState,
  validateRisk,
} from '@policystore/client';
import { expect } from 'chai';
import { inspect } from 'node:util';

import { ENTRY, overrideWith, UNKNOWN_STATE, VERSION, viewWith } from '../../support/views.js';

const { ACTIVE, REDUCE_ONLY, HALTED, UNSPECIFIED } = TradingState;

function codes({ allowed, reasons, version }: Decision): ReasonCode[] {
  expect(allowed).to.equal(reasons.length === 0);
  expect(version).to.equal(VERSION);
  for (const { message } of reasons) expect(message).to.match(/\S+ \S+/);
  return reasons.map(({ code }) => code);
}

function messages({ reasons }: Decision): string[] {
  return reasons.map(({ message }) => message);
}

describe('gates', () => {
  describe('on the trading state', () => {
    // docs/semantics.md, "Trading state"
    const table: [state: TradingState, stale: boolean, entry: ReasonCode[], reduction: ReasonCode[]][] = [
      [ACTIVE, false, [], []],
      [REDUCE_ONLY, false, ['TRADING_REDUCE_ONLY'], []],
      [HALTED, false, ['TRADING_HALTED'], ['TRADING_HALTED']],
      [UNSPECIFIED, false, ['TRADING_HALTED'], ['TRADING_HALTED']],
      [UNKNOWN_STATE, false, ['TRADING_HALTED'], ['TRADING_HALTED']],
      [ACTIVE, true, ['POLICY_STALE'], []],
      [REDUCE_ONLY, true, ['POLICY_STALE', 'TRADING_REDUCE_ONLY'], []],
      [HALTED, true, ['POLICY_STALE', 'TRADING_HALTED'], ['TRADING_HALTED']],
      [UNSPECIFIED, true, ['POLICY_STALE', 'TRADING_HALTED'], ['TRADING_HALTED']],
    ];

    for (const [tradingState, stale, entry, reduction] of table) {
      const name = `${tradingState === UNKNOWN_STATE ? 'an unknown state' : TradingState[tradingState]}${stale ? ', past the lease' : ''}`;

      it(`decide each kind of trade under ${name}`, () => {
        const fresh = viewWith({ tradingState });
        const view = stale ? staleView(fresh) : fresh;

        expect(codes(authorizeTrade(view, ENTRY))).to.deep.equal(entry);
        expect(codes(authorizeTrade(view, { kind: 'reduction' }))).to.deep.equal(reduction);
        expect(codes(authorizeTrade(view, { kind: 'exit' }))).to.deep.equal(reduction);
        expect(codes(authorizeTrade(view, { kind: 'cancel' }))).to.deep.equal([]);

        expect(codes(approveSignal(view, ENTRY))).to.deep.equal(entry);
        expect(codes(validateRisk(view, ENTRY))).to.deep.equal(entry);
        expect(codes(checkCapacity(view, ENTRY))).to.deep.equal(entry);
        expect(codes(activeModel(view, 'lstm'))).to.deep.equal([]);
      });
    }

    it('let nothing else keep a position open', () => {
      const view = viewWith({
        allowedStrategies: [],
        allowedSymbols: [],
        maxPositions: 1,
        maxRiskPerTrade: 0,
      });
      const junk = { strategy: '', symbol: 'DOGE', confidence: NaN, riskPerTrade: -1, openPositions: 99 };

      for (const kind of ['reduction', 'exit', 'cancel'] as const) {
        expect(codes(authorizeTrade(view, { kind, ...junk })), kind).to.deep.equal([]);
      }
    });

    it('know nothing to enter on before a policy has come', () => {
      const { allowed, reasons } = authorizeTrade(NO_POLICY, ENTRY);

      expect(allowed).to.be.false;
      expect(reasons[0]).to.deep.equal({ code: 'POLICY_STALE', message: 'no policy has come yet' });
      expect(authorizeTrade(NO_POLICY, { kind: 'exit' }).allowed).to.be.true;
      expect(authorizeTrade(NO_POLICY, { kind: 'cancel' }).allowed).to.be.true;
    });
  });

  describe('on the limits of an entry', () => {
    const NEXT = 1 + Number.EPSILON;
    const table: [what: string, policy: Partial<Policy>, entry: object, reasons: ReasonCode[]][] = [
      ['exactly at every limit', {}, {}, []],
      [
        'without a least ranking, of a symbol that is not ranked',
        {},
        { symbol: 'ETH', minRanking: undefined },
        [],
      ],
      ['of a strategy that is not listed', {}, { strategy: 'scalp' }, ['STRATEGY_NOT_ALLOWED']],
      ['of a strategy in other letters', {}, { strategy: 'Trend' }, ['STRATEGY_NOT_ALLOWED']],
      [
        'of a strategy named as a member of objects',
        {},
        { strategy: 'constructor' },
        ['STRATEGY_NOT_ALLOWED'],
      ],
      ['when no strategy is listed', { allowedStrategies: [] }, {}, ['STRATEGY_NOT_ALLOWED']],
      [
        'of a symbol that is not listed',
        {},
        { symbol: 'DOGE', minRanking: undefined },
        ['SYMBOL_NOT_ALLOWED'],
      ],
      ['of a symbol that is only ranked', { allowedSymbols: ['ETH'] }, {}, ['SYMBOL_NOT_ALLOWED']],
      ['a breath under the confidence', {}, { confidence: 0.7 / NEXT }, ['CONFIDENCE_TOO_LOW']],
      ['with confidence 1', { globalMinConfidence: 1 }, { confidence: 1 }, []],
      ['with confidence 0', { globalMinConfidence: 0 }, { confidence: 0 }, []],
      ['a breath under the least ranking', {}, { minRanking: 0.4 * NEXT }, ['RANKING_TOO_LOW']],
      ['of a symbol without a ranking', {}, { symbol: 'ETH' }, ['SYMBOL_NOT_RANKED']],
      ['of a symbol without a ranking, for any', {}, { symbol: 'ETH', minRanking: 0 }, ['SYMBOL_NOT_RANKED']],
      ['a breath over the risk', {}, { riskPerTrade: 0.01 * NEXT }, ['RISK_TOO_HIGH']],
      ['at 0.1 + 0.2 over 0.3', { maxRiskPerTrade: 0.3 }, { riskPerTrade: 0.1 + 0.2 }, ['RISK_TOO_HIGH']],
      ['with the least risk', {}, { riskPerTrade: Number.MIN_VALUE }, []],
      ['with more risk than there is equity', { maxRiskPerTrade: 1 }, { riskPerTrade: 2 }, ['RISK_TOO_HIGH']],
      ['as the last position', {}, { openPositions: 4 }, []],
      ['as one position too many', {}, { openPositions: 5 }, ['MAX_POSITIONS_REACHED']],
      ['far over the positions', {}, { openPositions: 2 ** 53 - 1 }, ['MAX_POSITIONS_REACHED']],
      ['as the first position', { maxPositions: 1 }, { openPositions: 0 }, []],
      [
        'against everything',
        { tradingState: REDUCE_ONLY },
        { strategy: 'x', symbol: 'y', confidence: 0, minRanking: 1, riskPerTrade: 1, openPositions: 9 },
        [
          'TRADING_REDUCE_ONLY',
          'STRATEGY_NOT_ALLOWED',
          'SYMBOL_NOT_ALLOWED',
          'CONFIDENCE_TOO_LOW',
          'SYMBOL_NOT_RANKED',
          'RISK_TOO_HIGH',
          'MAX_POSITIONS_REACHED',
        ],
      ],
    ];

    for (const [what, policy, changed, reasons] of table) {
      it(`${reasons.length === 0 ? 'allow' : 'deny'} one ${what}`, () => {
        expect(codes(authorizeTrade(viewWith(policy), { ...ENTRY, ...changed }))).to.deep.equal(reasons);
      });
    }

    it('each tell of their own part', () => {
      const view = viewWith({ globalMinConfidence: 0.8, maxRiskPerTrade: 0.005, maxPositions: 4 });

      expect(codes(approveSignal(view, ENTRY))).to.deep.equal(['CONFIDENCE_TOO_LOW']);
      expect(codes(validateRisk(view, ENTRY))).to.deep.equal(['RISK_TOO_HIGH']);
      expect(codes(checkCapacity(view, ENTRY))).to.deep.equal(['MAX_POSITIONS_REACHED']);
    });

    it('name the value and the limit', () => {
      const trade = {
        ...ENTRY,
        strategy: 'scalp',
        symbol: 'X"',
        confidence: 0.5,
        riskPerTrade: 0.02,
        openPositions: 6,
      };

      expect(messages(authorizeTrade(viewWith(), trade))).to.deep.equal([
        'strategy "scalp" is not in allowed_strategies',
        'symbol "X\\"" is not in allowed_symbols',
        'confidence 0.5 is below global_min_confidence 0.7',
        'symbol "X\\"" is not in opp_rankings; 0.4 is asked for',
        'riskPerTrade 0.02 is above max_risk_per_trade 0.01',
        '6 positions are open, max_positions is 5',
      ]);
      expect(messages(approveSignal(viewWith(), { ...ENTRY, minRanking: 0.5 }))).to.deep.equal([
        'symbol "BTC" is ranked 0.4, below 0.5',
      ]);
    });

    it('name the overrides to which a denial is due', () => {
      const view = viewWith({
        tradingState: REDUCE_ONLY,
        allowedStrategies: [],
        allowedSymbols: [],
        overrides: [
          overrideWith('circuit-breaker', { tradingState: REDUCE_ONLY, blockAllStrategies: true }),
          overrideWith('ban', { blockSymbols: ['BTC'], blockStrategies: ['trend'] }),
          overrideWith('other', { maxPositions: 3 }),
        ],
      });

      expect(messages(approveSignal(view, { ...ENTRY, minRanking: undefined }))).to.deep.equal([
        'trading is REDUCE_ONLY, so nothing may be opened (override "circuit-breaker": a drill)',
        'strategy "trend" is not in allowed_strategies (override "circuit-breaker": a drill; override "ban": a drill)',
        'symbol "BTC" is not in allowed_symbols (override "ban": a drill)',
      ]);
      const halted = viewWith({
        tradingState: HALTED,
        overrides: [overrideWith('stop', { tradingState: HALTED })],
      });
      expect(messages(authorizeTrade(halted, { kind: 'exit' }))).to.deep.equal([
        'trading is HALTED, so nothing but cancels is allowed (override "stop": a drill)',
      ]);
    });

    it('say which version can no longer be believed', () => {
      expect(messages(validateRisk(staleView(viewWith()), ENTRY))).to.deep.equal([
        'the lease of version e:7 has ended, so it may no longer be believed',
      ]);
    });
  });

  describe('on what is no trade', () => {
    const NO_NAMES = ['', undefined, null, 0, NaN, true, {}, ['BTC'], Symbol('BTC'), 1n, () => 'BTC'];
    const NO_NUMBERS = [
      NaN,
      Infinity,
      -Infinity,
      -1,
      -Number.MIN_VALUE,
      '0.5',
      '',
      null,
      undefined,
      true,
      {},
      [1],
      1n,
    ];
    const bad: [field: string, values: unknown[]][] = [
      ['strategy', NO_NAMES],
      ['symbol', NO_NAMES],
      ['confidence', [...NO_NUMBERS, 1.1]],
      ['minRanking', [...NO_NUMBERS.filter((value) => value !== undefined), 1.1]],
      ['riskPerTrade', [...NO_NUMBERS, 0, -0]],
      ['openPositions', [...NO_NUMBERS, 1.5, 2 ** 53]],
    ];

    for (const [field, values] of bad) {
      for (const value of values) {
        it(`deny an entry with ${field} ${inspect(value)}`, () => {
          const trade = { ...ENTRY, [field]: value } as Trade;
          const decision = authorizeTrade(viewWith(), trade);

          expect(codes(decision)).to.deep.equal(['INVALID_INPUT']);
          expect(messages(decision)[0]).to.match(new RegExp(`^${field} must be .*, not .`));
        });
      }
    }

    it('judge what can be judged all the same', () => {
      const trade = { ...ENTRY, symbol: '', confidence: NaN, riskPerTrade: 0.5, openPositions: 5 };

      expect(codes(authorizeTrade(viewWith({ tradingState: REDUCE_ONLY }), trade))).to.deep.equal([
        'TRADING_REDUCE_ONLY',
        'INVALID_INPUT',
        'INVALID_INPUT',
        'RISK_TOO_HIGH',
        'MAX_POSITIONS_REACHED',
      ]);
    });

    it('deny what has no known kind, also while only cancels are allowed', () => {
      const kinds = [
        '',
        'ENTRY',
        'buy',
        undefined,
        null,
        1,
        ['entry'],
        { toString: () => 'cancel' },
        '__proto__',
      ];
      for (const view of [viewWith(), viewWith({ tradingState: HALTED }), staleView(viewWith())]) {
        for (const kind of kinds) {
          expect(codes(authorizeTrade(view, { ...ENTRY, kind } as unknown as Trade))).to.deep.equal([
            'INVALID_INPUT',
          ]);
        }
        for (const trade of [undefined, null, 'cancel', 5, NaN, true, [], Symbol('cancel')]) {
          expect(codes(authorizeTrade(view, trade as unknown as Trade))).to.deep.equal(['INVALID_INPUT']);
        }
      }
    });

    it('deny nothing at all, each', () => {
      for (const nothing of [undefined, null, 0, 'x'] as unknown as (typeof ENTRY)[]) {
        expect(codes(approveSignal(viewWith(), nothing))).to.deep.equal(['INVALID_INPUT']);
        expect(codes(validateRisk(viewWith(), nothing))).to.deep.equal(['INVALID_INPUT']);
        expect(codes(checkCapacity(viewWith(), nothing))).to.deep.equal(['INVALID_INPUT']);
      }
    });

    it('keep a long name short in the message', () => {
      const decision = approveSignal(viewWith(), { ...ENTRY, strategy: 'x'.repeat(1_000_000) });

      expect(messages(decision)[0]).to.have.length.below(250);
    });

    it('do not let a policy that is none through', () => {
      const view = viewWith({ maxRiskPerTrade: NaN, maxPositions: NaN, globalMinConfidence: NaN });

      expect(codes(authorizeTrade(view, ENTRY))).to.deep.equal([
        'CONFIDENCE_TOO_LOW',
        'RISK_TOO_HIGH',
        'MAX_POSITIONS_REACHED',
      ]);
      const nameless = viewWith({
        allowedStrategies: [''],
        allowedSymbols: [''],
        modelVersions: new Map([['', 'v']]),
      });
      expect(codes(approveSignal(nameless, { strategy: '', symbol: '', confidence: 1 }))).to.deep.equal([
        'INVALID_INPUT',
        'INVALID_INPUT',
      ]);
      expect(codes(activeModel(nameless, ''))).to.deep.equal(['INVALID_INPUT']);
    });
  });

  describe('on models', () => {
    it('tell the version in production', () => {
      expect(activeModel(viewWith(), 'lstm')).to.deep.equal({
        allowed: true,
        reasons: [],
        version: VERSION,
        modelVersion: 'v3',
      });
    });

    it('deny a model without one, and what is no name', () => {
      const unknown = activeModel(viewWith(), 'xgb');

      expect(codes(unknown)).to.deep.equal(['MODEL_UNKNOWN']);
      expect(unknown.modelVersion).to.be.undefined;
      expect(messages(unknown)).to.deep.equal(['model "xgb" is not in model_versions']);
      for (const name of ['', undefined, null, 5] as string[]) {
        expect(codes(activeModel(viewWith(), name))).to.deep.equal(['INVALID_INPUT']);
      }
    });
  });

  it('answer the same object for all that is allowed under a view', () => {
    const view = viewWith();
    const decision = authorizeTrade(view, ENTRY);

    expect(decision).to.be.frozen;
    expect(decision.reasons).to.be.frozen;
    expect(approveSignal(view, ENTRY)).to.equal(decision);
    expect(validateRisk(view, ENTRY)).to.equal(decision);
    expect(checkCapacity(view, ENTRY)).to.equal(decision);
    expect(authorizeTrade(staleView(view), { kind: 'cancel' })).to.equal(decision);
  });
});

import {
  authorizeTrade,
  createView,
  type Policy,
  type ReasonCode,
  staleView,
  type Trade,
  TradingState,
} from '@policystore/client';
import { expect } from 'chai';
import fc from 'fast-check';

import { policyWith, UNKNOWN_STATE, VERSION } from '../../support/views.js';

const NAMES = ['A', 'B', 'C', '__proto__', 'toString'];
const arbName = fc.constantFrom(...NAMES);
const arbNames = fc.oneof(fc.constant(NAMES), fc.uniqueArray(arbName));
const LIMITS = [0, 0.1, 0.3, 0.5, 1];
const arbShare = fc.constantFrom(...LIMITS);
const arbAround = fc
  .tuple(arbShare, fc.constantFrom(1, 1 - Number.EPSILON / 2, 1 + Number.EPSILON))
  .map(([share, nudge]) => share * nudge);
const arbJunk = fc.constantFrom<unknown>(
  NaN,
  Infinity,
  -1,
  '',
  '0.5',
  null,
  undefined,
  {},
  [],
  true,
  1n,
  2 ** 60,
);

function orJunk(arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 19, arbitrary }, { weight: 1, arbitrary: arbJunk });
}

const arbPolicy: fc.Arbitrary<Policy> = fc
  .record({
    allowedStrategies: arbNames,
    allowedSymbols: arbNames,
    globalMinConfidence: arbShare,
    maxRiskPerTrade: arbShare,
    maxPositions: fc.integer({ min: 0, max: 5 }),
    oppRankings: fc
      .tuple(arbNames, fc.array(arbShare, { minLength: NAMES.length, maxLength: NAMES.length }))
      .map(([names, shares]) => new Map(names.map((name, i) => [name, shares[i]!]))),
    tradingState: fc.oneof(
      { weight: 6, arbitrary: fc.constant(TradingState.ACTIVE) },
      { weight: 2, arbitrary: fc.constantFrom(TradingState.REDUCE_ONLY, TradingState.HALTED) },
      { weight: 1, arbitrary: fc.constantFrom(TradingState.UNSPECIFIED, UNKNOWN_STATE) },
    ),
  })
  .map(policyWith);

const arbTrade = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant('entry') },
    { weight: 3, arbitrary: fc.constantFrom('reduction', 'exit', 'cancel') },
    { weight: 1, arbitrary: fc.constantFrom('Entry', '', undefined, 3) },
  ),
  strategy: orJunk(arbName),
  symbol: orJunk(arbName),
  confidence: orJunk(arbAround),
  minRanking: orJunk(fc.option(arbAround, { nil: undefined, freq: 2 })),
  riskPerTrade: orJunk(arbAround),
  openPositions: orJunk(fc.integer({ min: -1, max: 6 })),
});

/** The rules as docs/semantics.md and the issue have them, one by one, with nothing shared with the gates. */
function expected(policy: Policy, stale: boolean, trade: Readonly<Record<string, unknown>>): ReasonCode[] {
  const known = [1, 2, 3].includes(policy.tradingState);
  const halted = !known || policy.tradingState === TradingState.HALTED;
  if (trade['kind'] === 'cancel') return [];
  if (trade['kind'] === 'reduction' || trade['kind'] === 'exit') return halted ? ['TRADING_HALTED'] : [];
  if (trade['kind'] !== 'entry') return ['INVALID_INPUT'];

  const { strategy, symbol, confidence, minRanking, riskPerTrade, openPositions } = trade;
  const codes: (ReasonCode | false)[] = [
    stale && 'POLICY_STALE',
    halted ? 'TRADING_HALTED' : policy.tradingState === TradingState.REDUCE_ONLY && 'TRADING_REDUCE_ONLY',
  ];
  const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0;
  const isNumber = (value: unknown): value is number =>
    typeof value === 'number' && Number.isFinite(value) && value >= 0;

  if (!isText(strategy)) codes.push('INVALID_INPUT');
  else codes.push(!policy.allowedStrategies.some((name) => name === strategy) && 'STRATEGY_NOT_ALLOWED');
  if (!isText(symbol)) codes.push('INVALID_INPUT');
  else codes.push(!policy.allowedSymbols.some((name) => name === symbol) && 'SYMBOL_NOT_ALLOWED');
  if (!isNumber(confidence) || confidence > 1) codes.push('INVALID_INPUT');
  else codes.push(confidence < policy.globalMinConfidence && 'CONFIDENCE_TOO_LOW');
  if (minRanking !== undefined) {
    if (!isNumber(minRanking) || minRanking > 1) codes.push('INVALID_INPUT');
    else if (isText(symbol)) {
      const ranking = [...policy.oppRankings].find(([name]) => name === symbol)?.[1];
      codes.push(ranking === undefined ? 'SYMBOL_NOT_RANKED' : ranking < minRanking && 'RANKING_TOO_LOW');
    }
  }
  if (!isNumber(riskPerTrade) || riskPerTrade === 0) codes.push('INVALID_INPUT');
  else codes.push(riskPerTrade > policy.maxRiskPerTrade && 'RISK_TOO_HIGH');
  if (!isNumber(openPositions) || openPositions % 1 !== 0 || openPositions > Number.MAX_SAFE_INTEGER) {
    codes.push('INVALID_INPUT');
  } else codes.push(openPositions + 1 > policy.maxPositions && 'MAX_POSITIONS_REACHED');
  return codes.filter((code) => code !== false);
}

describe('authorizeTrade', () => {
  it('gives every reason of the rules, and no other, whatever the policy and the trade', () => {
    let allowed = 0;
    fc.assert(
      fc.property(arbPolicy, fc.boolean(), arbTrade, (policy, stale, trade) => {
        const fresh = createView(policy, VERSION);
        const decision = authorizeTrade(stale ? staleView(fresh) : fresh, trade as unknown as Trade);

        const codes = decision.reasons.map(({ code }) => code);
        expect(codes).to.deep.equal(expected(policy, stale, trade));
        expect(decision.allowed).to.equal(codes.length === 0);
        expect(decision.version).to.equal(VERSION);
        if (decision.allowed && trade.kind === 'entry') allowed += 1;
      }),
      { numRuns: 20_000 },
    );
    // Else the test says nothing of what is allowed.
    expect(allowed).to.be.above(20);
  });

  it('allows nothing more under a stale view, and never less to reductions, exits and cancels', () => {
    fc.assert(
      fc.property(arbPolicy, arbTrade, (policy, trade) => {
        const view = createView(policy, VERSION);
        const fresh = authorizeTrade(view, trade as unknown as Trade).allowed;
        const stale = authorizeTrade(staleView(view), trade as unknown as Trade).allowed;

        expect(stale).to.equal(fresh && trade.kind !== 'entry');
      }),
      { numRuns: 5_000 },
    );
  });

  it('never throws, and allows nothing that is not an object with a kind', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withMap: true }), (trade) => {
        expect(authorizeTrade(createView(policyWith(), VERSION), trade as Trade).allowed).to.be.false;
      }),
      { numRuns: 5_000 },
    );
  });
});

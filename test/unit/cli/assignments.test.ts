import { type PatchInput, RiskMode, TradingState } from '@policystore/client';
import { expect } from 'chai';

import { readAssignments, readLimits } from '../../../clients/cli/src/patch/assignments.js';
import { UsageError } from '../../../clients/cli/src/usage-error.js';

const CASES: Record<string, PatchInput> = {
  'max_positions=12': { maxPositions: 12 },
  'max_risk_per_trade=0.01': { maxRiskPerTrade: 0.01 },
  'global_min_confidence=1e-1': { globalMinConfidence: 0.1 },
  'risk_mode=normal': { riskMode: RiskMode.NORMAL },
  'allowed_symbols+=A': { allowedSymbols: { clear: false, remove: [], add: ['A'] } },
  'allowed_symbols-=A,B': { allowedSymbols: { clear: false, remove: ['A', 'B'], add: [] } },
  'allowed_symbols=A, B': { allowedSymbols: { clear: true, remove: [], add: ['A', 'B'] } },
  'allowed_strategies=': { allowedStrategies: { clear: true, remove: [], add: [] } },
  'allowed_symbols+=A allowed_symbols-=B': { allowedSymbols: { clear: false, remove: ['B'], add: ['A'] } },
  'opp_rankings.BRK.B=0.5': { oppRankings: { clear: false, remove: [], put: new Map([['BRK.B', 0.5]]) } },
  'opp_rankings-=A': { oppRankings: { clear: false, remove: ['A'], put: new Map() } },
  'opp_rankings=': { oppRankings: { clear: true, remove: [], put: new Map() } },
  'model_versions.lstm=2.10': {
    modelVersions: { clear: false, remove: [], put: new Map([['lstm', '2.10']]) },
  },
  'custom_params.a.b=5 custom_params.a.c=text custom_params-=a.d': {
    customParams: { a: { b: 5, c: 'text', d: null } },
  },
  'custom_params.a="5"': { customParams: { a: '5' } },
  'system_health.feeds=[1,2]': { systemHealth: { feeds: [1, 2] } },
};

const WRONG: Record<string, string> = {
  max_positions: 'changes nothing',
  'max_positions=': 'takes a number',
  'max_positions=many': 'takes a number',
  'max_positions+=1': 'has one value',
  'max_positions.x=1': 'has one value',
  'risk_mode=WILD': 'DEFENSIVE, NORMAL, AGGRESSIVE',
  'risk_mod=NORMAL': 'did you mean risk_mode?',
  'trading_state=HALTED': 'no field',
  'allowed_symbols.A=1': 'is a list',
  'allowed_symbols+=': 'names nobody',
  'allowed_symbols+=A allowed_symbols-=A': 'both added and removed',
  'opp_rankings=5': 'opp_rankings.KEY=VALUE',
  'opp_rankings+=A': 'opp_rankings.KEY=VALUE',
  'opp_rankings.A=high': 'takes a number',
  'custom_params=5': 'custom_params.a.b=VALUE',
  'custom_params.a=[': 'no YAML',
};

/** As a shell would split them; a comma with a space stays together. */
const split = (line: string): string[] => line.split(/(?<!,) /);

describe('the patch of a command line', () => {
  for (const [line, patch] of Object.entries(CASES)) {
    it(`reads ${line}`, () => {
      expect(readAssignments(split(line))).to.deep.equal(patch);
    });
  }

  for (const [line, message] of Object.entries(WRONG)) {
    it(`refuses ${line}`, () => {
      expect(() => readAssignments(split(line))).to.throw(UsageError, message);
    });
  }

  it('reads the limits of an override', () => {
    const line = 'trading_state=reduce-only max_positions=3 block_all_strategies=true block_symbols=A,B';
    expect(readLimits(line.split(' '))).to.deep.equal({
      tradingState: TradingState.REDUCE_ONLY,
      maxPositions: 3,
      blockAllStrategies: true,
      blockSymbols: ['A', 'B'],
    });
    expect(() => readLimits(['block_symbol=A'])).to.throw(UsageError, 'did you mean block_symbols?');
  });
});

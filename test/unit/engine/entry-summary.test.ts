import { ChangeKind, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch, replacement } from '../../../server/src/domain/patch/patch.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { bySystem, contentOf, proposeChange } from '../../../server/src/engine/change.js';
import type { EntrySummary } from '../../../server/src/store/store.js';
import { limits, override } from '../../support/overrides.js';

const CONTENT = contentOf(bySystem(ChangeKind.PATCH, 'a test'));

/** As a store that keeps JSON has it. */
function summaryOf(part: Partial<typeof CONTENT>): EntrySummary {
  const at = { epoch: 'e', revision: 2, previous: '' };
  const { summary } = proposeChange(at, { ...CONTENT, ...part }, []);
  return JSON.parse(JSON.stringify(summary?.())) as EntrySummary;
}

describe('the summary of a change', () => {
  it('says who did what and why', () => {
    const authorship = {
      ...bySystem(ChangeKind.ROLLBACK, 'bad release'),
      actor: 'operator',
      requestId: 'r-1',
      requestHash: Buffer.from('secret'),
    };
    expect(summaryOf(authorship)).to.deep.equal({
      kind: 'ROLLBACK',
      actor: 'operator',
      reason: 'bad release',
      requestId: 'r-1',
      changes: {},
    });
  });

  it('has each field that changed, before and after', () => {
    const { changes } = summaryOf({
      patch: {
        ...emptyPatch(),
        maxPositions: 3,
        allowedSymbols: { clear: false, remove: ['B'], add: ['A'] },
        oppRankings: { clear: false, remove: ['gone'], put: new Map([['new', 0.5]]) },
        customParams: { a: { b: null, c: 1 } },
      },
      inverse: {
        ...emptyPatch(),
        maxPositions: 5,
        allowedSymbols: { clear: false, remove: ['A'], add: ['B'] },
        oppRankings: { clear: false, remove: ['new'], put: new Map([['gone', 1]]) },
        customParams: { a: { b: true, c: null } },
      },
    });
    expect(changes).to.deep.equal({
      max_positions: { before: 5, after: 3 },
      allowed_symbols: { before: ['B'], after: ['A'] },
      opp_rankings: { before: { gone: 1 }, after: { new: 0.5 } },
      custom_params: { before: { a: { b: true } }, after: { a: { c: 1 } } },
    });
  });

  it('has nothing before a creation, and no field that is empty after it', () => {
    const patch = replacement(presetPolicy('default'));
    expect(summaryOf({ kind: ChangeKind.CREATE, patch }).changes).to.deep.equal({
      risk_mode: { after: 'NORMAL' },
      max_risk_per_trade: { after: 0.01 },
      max_positions: { after: 10 },
      global_min_confidence: { after: 0.65 },
    });
  });

  it('has the overrides that were touched, as JSON', () => {
    const before = override({ limits: limits({ maxPositions: 3 }) });
    const after = override({ limits: limits({ maxPositions: 3, tradingState: TradingState.HALTED }) });
    const said = { name: 'ban', reason: '', actor: '' };
    expect(summaryOf({ overrides: { before: [before], after: [after] } }).overrides).to.deep.equal({
      before: [{ ...said, limits: { max_positions: 3 } }],
      after: [{ ...said, limits: { trading_state: 'HALTED', max_positions: 3 } }],
    });
    expect(summaryOf({ overrides: { before: [before], after: [] } }).overrides?.after).to.deep.equal([]);
  });
});

import { Change, ChangeKind, Limits, Override, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { completeLimits } from '../../server/src/domain/overrides.js';
import { emptyPatch } from '../../server/src/domain/patch/patch.js';
import { describeChange } from '../../server/src/log-change.js';
import { arbOverrides } from '../support/arbitraries.js';

/** 2026-11-20T12:30:00Z. */
const SINCE = 1_795_177_800;

function line(change: Partial<Change>): string {
  const empty = { patch: emptyPatch(), inverse: emptyPatch() };
  return describeChange('default', 'e:7', {
    ...Change.create(),
    ...empty,
    actor: 'safety_governor',
    ...change,
  });
}

function override(part: Partial<Override> = {}): Override {
  return {
    ...Override.create(),
    name: 'circuit-breaker',
    limits: completeLimits(undefined),
    since: { seconds: SINCE, nanos: 0 },
    ...part,
  };
}

function inSeconds(seconds: number, nanos = 0): Override['until'] {
  return { seconds: SINCE + seconds, nanos };
}

const BREAKER = 'REDUCE_ONLY, DEFENSIVE, max_positions <= 3, all strategies blocked';

describe('the line in the log about an override', () => {
  const { OVERRIDE, RESTORE, EXPIRE } = ChangeKind;
  const cases: [what: string, change: Partial<Change>, says: string][] = [
    [
      'what came into force, until when and why',
      {
        kind: OVERRIDE,
        overrides: { before: [], after: [override({ until: inSeconds(7200) })] },
        reason: 'drawdown 12 %',
      },
      `override circuit-breaker in force: default e:7 by safety_governor: ${BREAKER}, until 14:30:00Z (drawdown 12 %)`,
    ],
    [
      'the day on which it ends, if it is another',
      {
        kind: OVERRIDE,
        overrides: { before: [], after: [override({ until: inSeconds(86_400, 5_000_000) })] },
      },
      `override circuit-breaker in force: default e:7 by safety_governor: ${BREAKER}, until 2026-11-21T12:30:00.005Z`,
    ],
    [
      'every limit',
      {
        kind: OVERRIDE,
        overrides: {
          before: [],
          after: [
            override({
              name: 'ban',
              limits: Limits.create({
                tradingState: TradingState.HALTED,
                riskMode: RiskMode.NORMAL,
                maxRiskPerTrade: 0.005,
                maxPositions: 4,
                globalMinConfidence: 0.9,
                blockStrategies: ['trend'],
                blockSymbols: ['A', 'B', 'C', 'D', 'E', 'F'],
              }),
            }),
          ],
        },
      },
      'override ban in force: default e:7 by safety_governor: HALTED, NORMAL, max_risk_per_trade <= 0.005, ' +
        'max_positions <= 4, global_min_confidence >= 0.9, strategies trend blocked, symbols A B C D and 2 more blocked',
    ],
    [
      'that one in force was tightened',
      { kind: OVERRIDE, overrides: { before: [override()], after: [override()] } },
      `override circuit-breaker tightened: default e:7 by safety_governor: ${BREAKER}`,
    ],
    [
      'what no longer holds once it is restored',
      { kind: RESTORE, overrides: { before: [override()], after: [] }, reason: 'calm again' },
      `override circuit-breaker restored: default e:7 by safety_governor: no longer ${BREAKER} (calm again)`,
    ],
    [
      'that it expired',
      { kind: EXPIRE, actor: 'system', overrides: { before: [override({ name: 'ban' })], after: [] } },
      `override ban expired: default e:7 by system: no longer ${BREAKER}`,
    ],
    [
      'that it was put back after a recovery',
      {
        kind: OVERRIDE,
        overrides: { before: [], after: [override()] },
        origin: { version: { epoch: 'd', revision: 5 }, id: 'x', commitTime: undefined },
      },
      `override circuit-breaker in force: default e:7 (put back, was d:5) by safety_governor: ${BREAKER}`,
    ],
  ];
  for (const [what, change, says] of cases) {
    it(`says ${what}`, () => {
      expect(line(change)).to.equal(says);
    });
  }

  it('is one line of bounded length, whatever was written', () => {
    const text = fc.string({ unit: 'binary', maxLength: 3000, size: 'max' });
    fc.assert(
      fc.property(arbOverrides, text, text, (after, name, reason) => {
        const hostile = after.map((each) => ({
          ...each,
          name,
          limits: Limits.create({ ...each.limits, blockSymbols: [name] }),
        }));
        const said = line({ kind: OVERRIDE, actor: name, reason, overrides: { before: [], after: hostile } });
        expect(said.length).to.be.lessThan(1000);
        expect(said).to.not.match(/[\p{Cc}\u2028\u2029]/u);
      }),
      // To shrink texts of this size takes minutes.
      { endOnFailure: true },
    );
  });
});

describe('the line in the log about a rollback or a recovery', () => {
  const { RECOVER, ROLLBACK } = ChangeKind;
  const store = { epoch: 'd', revision: 3 };
  const held = { epoch: 'd', revision: 5 };
  const cases: [what: string, change: Partial<Change>, says: string][] = [
    [
      'what it went back to',
      {
        kind: ROLLBACK,
        actor: 'ops',
        rollbackTo: { epoch: 'e', revision: 3 },
        patch: { ...emptyPatch(), maxPositions: 5 },
        inverse: { ...emptyPatch(), maxPositions: 12 },
        reason: 'too much',
      },
      'policy rolled back to e:3: default e:7 by ops: max_positions 12 -> 5 (too much)',
    ],
    [
      'what the store came back with and what is put back',
      { kind: RECOVER, actor: 'system', recovery: { store, held, halted: false } },
      'policy recovered: default e:7 by system: the store came back at d:3, d:5 was held here and is put back',
    ],
    [
      'what is not put back, and what limits trading meanwhile',
      {
        kind: RECOVER,
        actor: 'system',
        recovery: { store: undefined, held, halted: true },
        overrides: {
          before: [],
          after: [
            override({
              name: 'older-store',
              limits: Limits.create({ tradingState: TradingState.REDUCE_ONLY }),
            }),
          ],
        },
      },
      'policy recovered: default e:7 by system: the store came back empty, d:5 was held here and is not put back, ' +
        'REDUCE_ONLY',
    ],
    [
      'that nothing newer was known',
      { kind: RECOVER, actor: 'system', recovery: { store, held: undefined, halted: false } },
      'policy recovered: default e:7 by system: the store came back at d:3, nothing newer was held here',
    ],
    [
      'that a change was put back',
      {
        kind: ChangeKind.PATCH,
        actor: 'msc_ai',
        patch: { ...emptyPatch(), riskMode: RiskMode.DEFENSIVE },
        inverse: { ...emptyPatch(), riskMode: RiskMode.NORMAL },
        origin: { version: held, id: 'x', commitTime: undefined },
      },
      'policy changed: default e:7 (put back, was d:5) by msc_ai: risk_mode NORMAL -> DEFENSIVE',
    ],
  ];
  for (const [what, change, says] of cases) {
    it(`says ${what}`, () => {
      expect(line(change)).to.equal(says);
    });
  }
});

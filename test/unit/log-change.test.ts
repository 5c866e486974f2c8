import { Change, ChangeKind, ListPatch, PolicyPatch, RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { apply, copyPolicy } from '../../server/src/domain/patch/patch.js';
import type { Policy } from '../../server/src/domain/policy.js';
import { presetPolicy } from '../../server/src/domain/presets.js';
import { describeChange } from '../../server/src/log-change.js';

function line(
  policy: Policy,
  patch: Partial<PolicyPatch>,
  about: { actor?: string; reason?: string; kind?: ChangeKind } = {},
): string {
  const applied = apply(copyPolicy(policy), { ...PolicyPatch.create(), ...patch });
  const change = {
    ...Change.create(),
    actor: 'msc_ai',
    ...about,
    patch: applied.patch,
    inverse: applied.inverse,
  };
  return describeChange('default', 'e1:42', change);
}

describe('the line in the log about a change', () => {
  const base: Policy = {
    ...presetPolicy('default'),
    allowedSymbols: ['BTC', 'ETH', 'SOL'],
    oppRankings: new Map([['BTC', 0.5]]),
    customParams: { limits: { daily: 3, weekly: 9 }, note: 'a' },
  };

  it('says who changed what from what to what, and why', () => {
    const text = line(base, { riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 }, { reason: 'trend is up' });
    expect(text).to.equal(
      'policy changed: default e1:42 by msc_ai: risk_mode NORMAL -> AGGRESSIVE, max_positions 10 -> 12 (trend is up)',
    );
  });

  it('says at a glance when everything was replaced or reset', () => {
    for (const [kind, verb] of [
      [ChangeKind.UPDATE, 'replaced'],
      [ChangeKind.RESET, 'reset'],
    ] as const) {
      expect(line(base, { maxPositions: 12 }, { kind })).to.match(
        new RegExp(`^policy ${verb}: default e1:42 by`),
      );
    }
  });

  const cases: [what: string, patch: Partial<PolicyPatch>, says: string][] = [
    [
      'names that join and leave a list',
      { allowedSymbols: list({ remove: ['ETH'], add: ['XRP'] }) },
      'allowed_symbols +XRP -ETH',
    ],
    [
      'what a replaced list gained and lost',
      { allowedSymbols: list({ clear: true, add: ['SOL', 'DOT'] }) },
      'allowed_symbols +DOT -BTC -ETH',
    ],
    [
      'what an emptied list lost',
      { allowedSymbols: list({ clear: true }) },
      'allowed_symbols -BTC -ETH -SOL',
    ],
    [
      'that a list is only reordered',
      { allowedSymbols: list({ clear: true, add: ['ETH', 'BTC', 'SOL'] }) },
      'allowed_symbols reordered',
    ],
    [
      'scores before and after',
      {
        oppRankings: {
          clear: false,
          remove: [],
          put: new Map([
            ['BTC', 0.75],
            ['ETH', 0.1],
          ]),
        },
      },
      'opp_rankings.BTC 0.5 -> 0.75, opp_rankings.ETH none -> 0.1',
    ],
    [
      'scores that go',
      { oppRankings: { clear: true, remove: [], put: new Map() } },
      'opp_rankings.BTC 0.5 -> none',
    ],
    [
      'members of a struct by path',
      { customParams: { limits: { daily: 4 }, note: null, extra: { x: 1 } } },
      'custom_params.limits.daily 3 -> 4, custom_params.note a -> none, custom_params.extra none -> {"x":1}',
    ],
  ];
  for (const [what, patch, says] of cases) {
    it(`shows ${what}`, () => {
      expect(line(base, patch)).to.equal(`policy changed: default e1:42 by msc_ai: ${says}`);
    });
  }

  it('does not name the scores that stay when most go', () => {
    const ranked = { ...base, oppRankings: new Map(['A', 'B', 'C', 'D'].map((name) => [name, 0.5])) };
    const text = line(ranked, { oppRankings: { clear: true, remove: [], put: new Map([['A', 0.5]]) } });
    expect(text).to.equal(
      'policy changed: default e1:42 by msc_ai: opp_rankings.B 0.5 -> none, opp_rankings.C 0.5 -> none, ' +
        'opp_rankings.D 0.5 -> none',
    );
  });

  it('spells out a few entries and counts the rest', () => {
    const put = new Map(Array.from({ length: 10_000 }, (_, i) => [`S${i}`, 0.5]));
    const text = line(base, { oppRankings: { clear: false, remove: [], put } });
    expect(text)
      .to.include('opp_rankings.S0 none -> 0.5')
      .and.to.match(/and 9996 more$/);
  });

  it('is one line of bounded length, whatever was written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3000 }),
        fc.string({ unit: 'binary', maxLength: 200 }),
        (reason, name) => {
          const patch = {
            modelVersions: { clear: false, remove: [], put: new Map([[`m${name}`, `v\n${name}`]]) },
          };
          const text = line(base, patch, { reason, actor: name });
          expect(text.length).to.be.lessThan(1000);
          expect(text).to.not.match(/[\p{Cc}\u2028\u2029]/u);
        },
      ),
    );
  });
});

function list(patch: Partial<ListPatch>): ListPatch {
  return { ...ListPatch.create(), ...patch };
}

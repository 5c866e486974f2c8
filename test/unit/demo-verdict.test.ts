import { MemberState, type Policy, RiskMode, TradingState } from '@policystore/client';
import { expect } from 'chai';

import type { ChangeHeard, DayRecord, DecisionMade } from '../demo/record.js';
import { findProblems } from '../demo/verdict/verdict.js';
import { BREAKER, decided, ENTRY, goodDay, receipt } from '../support/demo-day.js';

const GOOD = goodDay();

function withDecision(decision: DecisionMade): DayRecord {
  return { ...GOOD, decisions: [...GOOD.decisions.slice(0, 3), decision, ...GOOD.decisions.slice(4)] };
}

function withHeard(change: (heard: readonly ChangeHeard[]) => readonly ChangeHeard[]): DayRecord {
  return { ...GOOD, listeners: GOOD.listeners.map((each) => ({ ...each, heard: change(each.heard) })) };
}

/** Changes what the history says of one revision. */
function withState(revision: number, change: (policy: Policy) => Policy): DayRecord {
  const log = GOOD.log.map((state) =>
    state.version.revision === revision ? { ...state, effective: change(state.effective) } : state,
  );
  return { ...GOOD, log };
}

describe('the verdict of the demo', () => {
  it('finds nothing on a day on which everything went well', () => {
    expect(findProblems(GOOD)).to.deep.equal([]);
  });

  describe('of decisions', () => {
    it('finds an entry that its revision forbids', () => {
      const tampered = withDecision(decided(GOOD.log, 7, ENTRY));
      expect(findProblems({ ...tampered, trips: [] })).to.include(
        `executor-1 decided on e:7 that ${JSON.stringify(ENTRY)} is allowed, but it is denied (STRATEGY_NOT_ALLOWED, TRADING_REDUCE_ONLY)`,
      );
    });

    it('finds an entry that was denied against its revision', () => {
      const [problem, ...others] = findProblems(withDecision(decided(GOOD.log, 8, ENTRY, ['RISK_TOO_HIGH'])));
      expect(problem).to.include('is denied (RISK_TOO_HIGH), but it is denied (STRATEGY_NOT_ALLOWED');
      expect(others).to.deep.equal([]);
    });

    it('finds a denial with one reason too few', () => {
      const problems = findProblems(withDecision(decided(GOOD.log, 7, ENTRY, ['TRADING_REDUCE_ONLY'])));
      expect(problems).to.have.length(1);
    });

    const LIMITS: readonly [string, object, string][] = [
      ['a symbol', { symbol: 'XRP' }, 'SYMBOL_NOT_ALLOWED'],
      ['a strategy', { strategy: 'luck' }, 'STRATEGY_NOT_ALLOWED'],
      ['a confidence', { confidence: 0.59 }, 'CONFIDENCE_TOO_LOW'],
      ['a risk', { riskPerTrade: 0.011 }, 'RISK_TOO_HIGH'],
      ['a full book', { openPositions: 10 }, 'MAX_POSITIONS_REACHED'],
      ['a ranking', { minRanking: 0.91 }, 'RANKING_TOO_LOW'],
      ['no ranking', { symbol: 'ETH', minRanking: 0 }, 'SYMBOL_NOT_RANKED'],
    ];
    for (const [what, part, code] of LIMITS) {
      it(`knows that ${what} out of bounds had to be denied, and at its bound allowed`, () => {
        const trade = { ...ENTRY, ...part };
        const first = { ...decided(GOOD.log, 1, trade), executor: 'executor-2' };
        const [problem] = findProblems({ ...GOOD, decisions: [...GOOD.decisions, first] });
        expect(problem).to.include(`is allowed, but it is denied (${code})`);
        const bound = { confidence: 0.6, riskPerTrade: 0.01, openPositions: 9, minRanking: 0.9 };
        const allowed = { ...decided(GOOD.log, 1, { ...ENTRY, ...bound }), executor: 'executor-2' };
        expect(findProblems({ ...GOOD, decisions: [...GOOD.decisions, allowed] })).to.deep.equal([]);
      });
    }

    it('knows that a stale policy denies entries, and nothing else', () => {
      const stale = {
        ...decided(GOOD.log, 8, ENTRY, ['POLICY_STALE', 'STRATEGY_NOT_ALLOWED']),
        isStale: true,
      };
      expect(findProblems(withDecision(stale))[0]).to.include('TRADING_REDUCE_ONLY');
      const late = { ...decided(GOOD.log, 14, ENTRY), isStale: true };
      expect(findProblems({ ...GOOD, decisions: [...GOOD.decisions, late] })[0]).to.include('POLICY_STALE');
      const exit = { ...decided(GOOD.log, 14, { kind: 'exit' as const }), isStale: true };
      expect(findProblems({ ...GOOD, decisions: [...GOOD.decisions, exit] })).to.deep.equal([]);
    });

    it('knows that HALTED lets nothing but cancels pass', () => {
      const halt = { ...BREAKER, limits: { ...BREAKER.limits!, tradingState: TradingState.HALTED } };
      const pending = { ...halt, pending: true };
      const kinds = ['reduction', 'exit', 'cancel'] as const;
      const decisions = kinds.map((kind) => ({ ...decided(GOOD.log, 14, { kind }), overrides: [pending] }));
      const problems = findProblems({ ...GOOD, decisions: [...GOOD.decisions, ...decisions] });
      expect(problems).to.have.length(2);
      expect(problems.join()).to.not.include('cancel');
    });

    it('finds a version that nobody made, and one that goes back', () => {
      const made = decided(GOOD.log, 14, ENTRY);
      const later = { ...made, version: { epoch: 'e', revision: 15 } };
      const end = [...GOOD.decisions, later];
      expect(findProblems({ ...GOOD, decisions: end })).to.deep.equal([
        'executor-1 decided on e:15, which nobody made',
      ]);
      expect(findProblems(withDecision(decided(GOOD.log, 2, { kind: 'exit' })))).to.deep.equal([
        'executor-1 decided on e:2 after e:7',
      ]);
    });

    it('takes a stop that came before its version, pending or with an older change', () => {
      const codes = ['STRATEGY_NOT_ALLOWED', 'TRADING_REDUCE_ONLY'] as const;
      const pending = { ...decided(GOOD.log, 5, ENTRY, codes), overrides: [{ ...BREAKER, pending: true }] };
      const ahead = {
        ...decided(GOOD.log, 5, ENTRY, ['TRADING_REDUCE_ONLY']),
        overrides: GOOD.log[6]!.effective.overrides,
      };
      for (const early of [pending, ahead]) {
        const decisions = [...GOOD.decisions.slice(0, 2), early, ...GOOD.decisions.slice(2)];
        expect(findProblems({ ...GOOD, decisions })).to.deep.equal([]);
      }
    });

    it('finds overrides that there were not', () => {
      const invented = { ...BREAKER, reason: 'nobody gave it', pending: true };
      for (const overrides of [[invented], [BREAKER]]) {
        const decision = { ...decided(GOOD.log, 14, ENTRY, ['TRADING_REDUCE_ONLY']), overrides };
        expect(findProblems({ ...GOOD, decisions: [...GOOD.decisions, decision] })).to.deep.equal([
          'executor-1 decided on e:14 under overrides that there were not',
        ]);
      }
    });
  });

  describe('of a trip', () => {
    const [trip] = GOOD.trips;

    it('finds an entry that was approved between the receipt and the restore', () => {
      const late = { ...decided(GOOD.log, 6, ENTRY), executor: 'executor-2', asOf: 889 };
      const decisions = [...GOOD.decisions, late];
      expect(findProblems({ ...GOOD, decisions })).to.deep.equal([
        'executor-2 approved an entry 184.0 ms after the trip e:7 was acknowledged',
      ]);
      for (const asOf of [704, 890]) {
        expect(findProblems({ ...GOOD, decisions: [...GOOD.decisions, { ...late, asOf }] })).to.deep.equal(
          [],
        );
      }
    });

    it('finds somebody whom it did not reach', () => {
      const missed = { ...trip!, receipt: receipt(MemberState.PENDING) };
      expect(findProblems({ ...GOOD, trips: [missed] })).to.deep.equal([
        'the trip e:7 did not reach executor executor-1: PENDING',
        'the receipt of the trip e:7 does not say that executor-1 applied it',
      ]);
    });

    it('finds a receipt that leaves out a listener or a replica', () => {
      const [listener] = GOOD.listeners;
      const more = { ...GOOD, listeners: [...GOOD.listeners, { ...listener!, instance: 'executor-9' }] };
      expect(findProblems(more)).to.deep.equal([
        'the receipt of the trip e:7 does not say that executor-9 applied it',
      ]);
      expect(findProblems({ ...GOOD, replicas: 2 })).to.deep.equal([
        'the receipt of the trip e:7 names 1 replicas, there are 2',
      ]);
    });
  });

  describe('of listeners', () => {
    it('finds a change that was withheld, came twice, or in another order', () => {
      expect(findProblems(withHeard((heard) => heard.filter((_, i) => i !== 3)))).to.deep.equal([
        'executor-1 was not told of e:4',
      ]);
      expect(findProblems(withHeard((heard) => [...heard, heard.at(-1)!]))).to.deep.equal([
        'executor-1 was told of e:14 more than once',
      ]);
      const turned = withHeard(([a, b, c, ...rest]) => [a!, c!, b!, ...rest]);
      expect(findProblems(turned)).to.deep.equal(['executor-1 was told of the changes in another order']);
    });

    it('finds another policy than the history has', () => {
      const tamper = (part: Partial<Policy>) =>
        withHeard((heard) =>
          heard.map((each, i) => (i === 6 ? { ...each, policy: { ...each.policy, ...part } } : each)),
        );
      for (const part of [{ maxPositions: 4 }, { tradingState: TradingState.ACTIVE }]) {
        expect(findProblems(tamper(part))).to.deep.equal([
          'executor-1 was told of another policy at e:7 than the history has',
        ]);
      }
    });

    it('expects nothing to be told of a change that an override hides', () => {
      const hidden = new Set([8, 9]);
      const log = GOOD.log.map((state) =>
        hidden.has(state.version.revision) ? { ...state, effective: GOOD.log[6]!.effective } : state,
      );
      const problems = (heard: DayRecord) => findProblems({ ...heard, log }).join();
      const told = withHeard((heard) => heard.filter(({ version }) => !hidden.has(version.revision)));
      expect(problems(told)).to.not.include('was not told of');
      expect(problems(withHeard((heard) => heard.filter((_, i) => i !== 9)))).to.include(
        'was not told of e:10',
      );
    });

    it('takes a pending override as a change without a version of its own', () => {
      const before = GOOD.log[5]!;
      const overrides = [...before.effective.overrides, { ...BREAKER, pending: true }];
      const policy = {
        ...before.effective,
        overrides,
        tradingState: TradingState.REDUCE_ONLY,
        maxPositions: 3,
        allowedStrategies: [],
      };
      const told = { version: before.version, policy, at: 650 };
      expect(
        findProblems(withHeard((heard) => [...heard.slice(0, 6), told, ...heard.slice(6)])),
      ).to.deep.equal([]);
    });
  });

  describe('of the history', () => {
    it('finds a state that does not follow from the one before', () => {
      const log = GOOD.log.filter((_, i) => i !== 12);
      expect(findProblems({ ...GOOD, log })).to.include('the change e:14 does not follow the one before it');
    });

    it('finds an effective policy that is looser than its overrides', () => {
      const loosened = withState(7, (policy) => ({ ...policy, maxPositions: 10 }));
      expect(findProblems(loosened)).to.include(
        'the effective policy at e:7 is not its base tightened by its overrides',
      );
    });

    it('finds a base that no change made', () => {
      const log = GOOD.log.map((state) =>
        state.version.revision === 14
          ? { ...state, base: { ...state.base, riskMode: RiskMode.NORMAL } }
          : state,
      );
      expect(findProblems({ ...GOOD, log })).to.include(
        'the base at e:14 is not what its change makes of the one before it',
      );
    });
  });

  describe('of bans, bad writes and rollbacks', () => {
    it('finds a ban that was too short, was ended by somebody, or never ended', () => {
      const [ban] = GOOD.bans;
      expect(findProblems({ ...GOOD, bans: [{ ...ban!, ttlMs: 4500 }] })).to.deep.equal([
        'the ban ban-ETH was to last 3000 ms, asked for were 4500',
      ]);
      const early = GOOD.log.map((state) => {
        const change = { ...state.entry.change, commitTime: { seconds: 8, nanos: 999_999_999 } };
        return state.version.revision === 10 ? { ...state, entry: { ...state.entry, change } } : state;
      });
      expect(findProblems({ ...GOOD, log: early })).to.deep.equal([
        'the ban ban-ETH ended before its time was over',
      ]);
      const log = GOOD.log.map((state) =>
        state.version.revision === 10 ? { ...state, entry: { ...state.entry, actor: 'operator' } } : state,
      );
      expect(findProblems({ ...GOOD, log })).to.deep.equal([
        'the ban ban-ETH was ended by operator, not by its time',
      ]);
      const cut = { ...GOOD, log: GOOD.log.slice(0, 9) };
      expect(findProblems(cut)).to.include('the ban ban-ETH never ended');
    });

    it('takes a ban that came into force before it was in the history', () => {
      const [ban] = GOOD.bans;
      const pending = { ...ban!, version: { epoch: 'e', revision: 5 } };
      expect(findProblems({ ...GOOD, bans: [pending] })).to.deep.equal([]);
    });

    it('finds a bad write that was taken, or left something behind', () => {
      const [, beyond] = GOOD.badWrites;
      const taken = { ...GOOD.badWrites[0]!, code: undefined, violations: [] };
      expect(findProblems({ ...GOOD, badWrites: [taken, beyond!] })[0]).to.include('it was taken');
      const left = { ...GOOD.badWrites[0]!, reason: 'step 9' };
      expect(findProblems({ ...GOOD, badWrites: [left, beyond!] })).to.deep.equal([
        'the bad write (step 9) made e:9',
      ]);
    });

    it('finds a metric that no server told', () => {
      const without = (name: string): string[] =>
        GOOD.scrapes.map((text) => text.replace(new RegExp(`^${name} .*$`, 'm'), ''));
      expect(findProblems({ ...GOOD, scrapes: without('policy_resyncs_total') })).to.deep.equal([
        'the metric policy_resyncs_total has no value',
      ]);
      const scrapes = [...without('policy_resyncs_total'), ...GOOD.scrapes];
      expect(findProblems({ ...GOOD, scrapes })).to.deep.equal([]);
    });

    it('finds an attempt that nothing refused, or that stands in no log or in the history, and a secret in a log', () => {
      const [attempt] = GOOD.attempts;
      const attempts = [{ ...attempt!, code: undefined }, ...GOOD.attempts.slice(1)];
      expect(findProblems({ ...GOOD, attempts })).to.deep.equal([
        'the rogue controller raises the risk: it was taken',
      ]);
      expect(findProblems({ ...GOOD, serverLog: GOOD.serverLog.slice(1) })).to.deep.equal([
        '1 attempts were refused PERMISSION_DENIED, and 0 stand in the logs',
      ]);
      const serverLog = [...GOOD.serverLog, '{"msg":"pst_secret"}'];
      expect(findProblems({ ...GOOD, serverLog })).to.deep.equal(['a secret stands in the log of a server']);
      const log = GOOD.log.map((state) =>
        state.version.revision === 11 ? { ...state, entry: { ...state.entry, actor: 'rogue' } } : state,
      );
      expect(findProblems({ ...GOOD, log })).to.deep.equal(['the rogue controller made e:11']);
      const unproved = GOOD.log.map((state) =>
        state.version.revision === 11 ? { ...state, entry: { ...state.entry, actorVerified: false } } : state,
      );
      expect(findProblems({ ...GOOD, log: unproved })).to.deep.equal([
        'nobody proved to be operator, who made e:11',
      ]);
    });

    it('finds a rollback that brought back something else', () => {
      const [rollback] = GOOD.rollbacks;
      const other = { ...rollback!, to: { epoch: 'e', revision: 11 } };
      expect(findProblems({ ...GOOD, rollbacks: [other] })).to.deep.equal([
        'the rollback e:12 did not bring back max_positions',
      ]);
    });
  });

  it('finds a day on which something did not happen', () => {
    expect(findProblems({ ...GOOD, bans: [] })).to.deep.equal(['the day went without a ban']);
    expect(findProblems({ ...GOOD, decisions: [] })).to.deep.equal([
      'the day went without an entry',
      'the day went without a denied entry',
      'the day went without an exit',
    ]);
  });
});

import {
  ChangeKind,
  foldPatch,
  type HistoryEntry,
  MemberState,
  type Override,
  type OverridesChange,
  type PastPolicy,
  type Policy,
  readPolicy,
  type Receipt,
  RiskMode,
  type Trade,
  TradingState,
} from '@policystore/client';
import { Change, GlobalPolicy, Override as WireOverride, PolicyPatch } from '@policystore/client/proto';

import type { DayRecord, DecisionMade } from '../demo/record.js';
import { tightened } from '../demo/verdict/tightened.js';
import { documentedMetrics } from './metrics-page.js';

export const BREAKER: Override = WireOverride.fromPartial({
  name: 'circuit-breaker',
  reason: 'drawdown',
  limits: { tradingState: TradingState.REDUCE_ONLY, maxPositions: 3, blockAllStrategies: true },
});
const BAN: Override = WireOverride.fromPartial({
  name: 'ban-ETH',
  reason: 'venue halted',
  limits: { blockSymbols: ['ETH'] },
  since: { seconds: 6, nanos: 0 },
  until: { seconds: 9, nanos: 0 },
});

export const ENTRY: Trade = {
  kind: 'entry',
  strategy: 'trend',
  symbol: 'BTC',
  confidence: 0.8,
  riskPerTrade: 0.01,
  openPositions: 2,
};

/** Revision r is committed at r seconds, and its change is heard at 100 r on the clock of the record. */
class Day {
  readonly states: PastPolicy[] = [];
  #base = readPolicy(
    GlobalPolicy.fromPartial({
      riskMode: RiskMode.NORMAL,
      maxPositions: 10,
      maxRiskPerTrade: 0.01,
      globalMinConfidence: 0.6,
      allowedStrategies: ['trend'],
      allowedSymbols: ['BTC', 'ETH'],
      oppRankings: new Map([['BTC', 0.9]]),
    }),
  );
  #overrides: Override[] = [];

  write(actor: string, fields: HistoryEntry['fields'], patch: PolicyPatch, kind = ChangeKind.PATCH): void {
    this.#base = foldPatch(this.#base, patch);
    this.#add(actor, kind, fields, patch, undefined);
  }

  override(actor: string, override: Override): void {
    this.#overrides = [...this.#overrides, override].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#add(actor, ChangeKind.OVERRIDE, [], undefined, { before: [], after: [override] });
  }

  end(actor: string, override: Override, kind: ChangeKind): void {
    this.#overrides = this.#overrides.filter(({ name }) => name !== override.name);
    this.#add(actor, kind, [], undefined, { before: [override], after: [] });
  }

  #add(
    actor: string,
    kind: ChangeKind,
    fields: HistoryEntry['fields'],
    patch: PolicyPatch | undefined,
    overrides: OverridesChange | undefined,
  ): void {
    const revision = this.states.length + 1;
    const version = { epoch: 'e', revision };
    const base: Policy = { ...this.#base, overrides: this.#overrides };
    const effective = tightened(base, this.#overrides);
    const entry: HistoryEntry = {
      version,
      kind,
      actor,
      actorVerified: true,
      reason: `step ${revision}`,
      commitTime: new Date(1000 * revision),
      fields,
      overrides,
      effectivePatch: PolicyPatch.fromPartial({}),
      recovery: undefined,
      origin: undefined,
      rollbackTo: undefined,
      change: Change.fromPartial({
        commitTime: { seconds: revision, nanos: 0 },
        ...(patch ? { patch } : {}),
      }),
    };
    this.states.push({ version, base: { ...base, tradingState: effective.tradingState }, effective, entry });
  }
}

function put(field: string): HistoryEntry['fields'] {
  return [{ field, before: undefined, after: [] }];
}

function take(field: string): HistoryEntry['fields'] {
  return [{ field, before: [], after: undefined }];
}

/** A day on which everything went well. */
export function goodDay(): DayRecord {
  const day = new Day();
  day.write('system', [], PolicyPatch.fromPartial({}), ChangeKind.CREATE);
  day.write('msc_ai', put('risk_mode'), PolicyPatch.fromPartial({ riskMode: RiskMode.AGGRESSIVE }));
  day.write(
    'opportunity_ranker',
    put('opp_rankings'),
    PolicyPatch.fromPartial({ oppRankings: { put: new Map([['ETH', 0.4]]) } }),
  );
  const model = PolicyPatch.fromPartial({ modelVersions: { put: new Map([['alpha', '2']]) } });
  day.write('continuous_learning', put('model_versions'), model);
  const promotion = PolicyPatch.fromPartial({ allowedStrategies: { add: ['breakout'] } });
  day.write('strategy_generator', put('allowed_strategies'), promotion);
  day.override('operator', BAN);
  day.override('safety_governor', BREAKER);
  day.write('msc_ai', put('risk_mode'), PolicyPatch.fromPartial({ riskMode: RiskMode.DEFENSIVE }));
  day.end('safety_governor', BREAKER, ChangeKind.RESTORE);
  day.end('system', BAN, ChangeKind.EXPIRE);
  day.write('operator', put('max_positions'), PolicyPatch.fromPartial({ maxPositions: 60 }));
  day.write(
    'operator',
    put('max_positions'),
    PolicyPatch.fromPartial({ maxPositions: 10 }),
    ChangeKind.ROLLBACK,
  );
  const demotion = PolicyPatch.fromPartial({ allowedStrategies: { remove: ['breakout'] } });
  day.write('strategy_generator', take('allowed_strategies'), demotion);
  day.write(
    'health_monitor',
    put('system_health'),
    PolicyPatch.fromPartial({ systemHealth: { feeds: 'good' } }),
  );
  const log = day.states;
  const version = (revision: number) => ({ epoch: 'e', revision });
  return {
    log,
    replicas: 1,
    listeners: [
      {
        instance: 'executor-1',
        heard: log.map((state) => ({
          version: state.version,
          policy: state.effective,
          at: 100 * state.version.revision,
        })),
      },
    ],
    decisions: [
      decided(log, 2, ENTRY),
      decided(log, 4, { kind: 'exit' }),
      decided(log, 7, ENTRY, ['STRATEGY_NOT_ALLOWED', 'TRADING_REDUCE_ONLY']),
      decided(log, 7, { kind: 'exit' }),
      decided(log, 14, ENTRY),
    ],
    trips: [
      {
        version: version(7),
        sentAt: 690,
        acknowledgedAt: 705,
        restoreSentAt: 890,
        receipt: receipt(),
      },
    ],
    bans: [{ name: 'ban-ETH', symbol: 'ETH', ttlMs: 3000, version: version(6) }],
    badWrites: [
      {
        reason: 'a typing error',
        expected: 'VALIDATION_FAILED',
        code: 'VALIDATION_FAILED',
        violations: [{ field: 'max_positions', description: 'must be between 1 and 100, got 500' }],
      },
      {
        reason: 'beyond the desk',
        expected: 'GUARDRAIL_VIOLATED',
        code: 'GUARDRAIL_VIOLATED',
        violations: [{ field: 'max_positions', description: 'must be <= 20, would be 60' }],
      },
    ],
    attempts: [
      { what: 'raises the risk', expected: 'PERMISSION_DENIED', code: 'PERMISSION_DENIED' },
      { what: 'shows another token', expected: 'UNAUTHENTICATED', code: 'UNAUTHENTICATED' },
    ],
    serverLog: [
      '{"msg":"Patch failed","actor":"rogue","reason":"PERMISSION_DENIED"}',
      '{"msg":"Patch failed","actor":"anonymous","reason":"UNAUTHENTICATED"}',
    ],
    secrets: ['pst_secret'],
    scrapes: [
      documentedMetrics()
        .map(({ name, type }) => `# TYPE ${name} ${type}\n${name} 1\n`)
        .join('\n'),
    ],
    rollbacks: [{ version: version(12), to: version(10), fields: ['max_positions'] }],
  };
}

/** A decision that was made when the change of its version was heard. */
export function decided(
  log: readonly PastPolicy[],
  revision: number,
  trade: Trade,
  codes: DecisionMade['codes'] = [],
): DecisionMade {
  return {
    executor: 'executor-1',
    trade,
    version: { epoch: 'e', revision },
    overrides: log[revision - 1]?.effective.overrides ?? [],
    isStale: false,
    allowed: codes.length === 0,
    codes,
    asOf: 100 * revision + 10,
  };
}

/** What a receipt says of a replica and of executor-1. */
export function receipt(state = MemberState.APPLIED): Receipt {
  const member = {
    watcherId: '',
    address: '',
    replica: 'r',
    since: undefined,
    delivered: undefined,
    applied: undefined,
    lag: 0,
    rejection: undefined,
    safeInMs: undefined,
  };
  const executor = { ...member, component: 'executor', instance: 'executor-1', state };
  const isApplied = state === MemberState.APPLIED;
  return {
    version: { epoch: 'e', revision: 7 },
    appliedEverywhere: isApplied,
    members: [{ ...member, component: 'replica', instance: 'r', state: MemberState.APPLIED }, executor],
    outstanding: isApplied ? [] : [executor],
    unknownSafeInMs: undefined,
    missing: [],
  };
}

import { ChangeKind, type HistoryEntry, RiskMode } from '@policystore/client';

import type { DayRecord } from '../record.js';

/** What a day has to show, so that a day on which nothing happened is not a good one. */
export function judgeStory({
  log,
  trips,
  bans,
  badWrites,
  rollbacks,
  attempts,
  decisions,
}: DayRecord): string[] {
  const changes = log.slice(1).map(({ entry }) => entry);
  const entries = decisions.filter(({ trade }) => trade.kind === 'entry');
  const by = (actor: string, test: (entry: HistoryEntry) => boolean): boolean =>
    changes.some((entry) => entry.actor === actor && test(entry));
  const touched = (field: string, side: 'before' | 'after') => (entry: HistoryEntry) =>
    entry.fields.some((change) => change.field === field && change[side] !== undefined);
  const modes = new Set(log.map(({ base }) => base.riskMode));

  const story: readonly [string, boolean][] = [
    ...[RiskMode.DEFENSIVE, RiskMode.NORMAL, RiskMode.AGGRESSIVE].map((mode): [string, boolean] => [
      `an hour in mode ${RiskMode[mode]}`,
      modes.has(mode),
    ]),
    ['a ranking', by('opportunity_ranker', touched('opp_rankings', 'after'))],
    ['the promotion of a model', by('continuous_learning', touched('model_versions', 'after'))],
    ['the promotion of a strategy', by('strategy_generator', touched('allowed_strategies', 'after'))],
    ['the demotion of a strategy', by('strategy_generator', touched('allowed_strategies', 'before'))],
    ['a report of health', by('health_monitor', touched('system_health', 'after'))],
    ['a trip', trips.length > 0 && by('safety_governor', ({ kind }) => kind === ChangeKind.OVERRIDE)],
    ['the restore by the governor', by('safety_governor', ({ kind }) => kind === ChangeKind.RESTORE)],
    ['a ban', bans.length > 0],
    ['a bad write', badWrites.length > 0],
    ['a rollback', rollbacks.length > 0],
    ['a write beyond a guardrail', badWrites.some(({ expected }) => expected === 'GUARDRAIL_VIOLATED')],
    ['an attempt without a right', attempts.some(({ expected }) => expected === 'PERMISSION_DENIED')],
    ['an attempt without an identity', attempts.some(({ expected }) => expected === 'UNAUTHENTICATED')],
    ['an entry', entries.some(({ allowed }) => allowed)],
    ['a denied entry', entries.some(({ allowed }) => !allowed)],
    ['an exit', decisions.some(({ trade, allowed }) => trade.kind === 'exit' && allowed)],
  ];
  return story.filter(([, happened]) => !happened).map(([what]) => `the day went without ${what}`);
}

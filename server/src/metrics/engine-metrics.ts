import { ChangeKind, RiskMode, TradingState } from '@policystore/client/proto';
import { Counter, type Registry } from 'prom-client';

import type { Clock } from '../clock.js';
import type { EngineMeter } from '../engine/engine-meter.js';
import type { BoundedNames } from './bounded-names.js';
import { CHANGES, SECONDS } from './buckets.js';
import { collectedCounter, collectedGauge, type Sample } from './collected.js';
import type { Tally } from './tally.js';
import { TallyHistogram } from './tally-histogram.js';
import { TimeInForce } from './time-in-force.js';

const RISK_MODES = [RiskMode.DEFENSIVE, RiskMode.NORMAL, RiskMode.AGGRESSIVE];
const TRADING_STATES = [TradingState.HALTED, TradingState.REDUCE_ONLY, TradingState.ACTIVE];

export interface EngineMetricsOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly namespaces: readonly string[];
  /** Names of those who write, as values of a label. */
  readonly actors: BoundedNames;
}

interface Counted {
  readonly riskMode: TimeInForce<RiskMode>;
  readonly tradingState: TimeInForce<TradingState>;
  readonly batchChanges: Tally;
  readonly commitSeconds: Tally;
  readonly appliedSeconds: Tally;
}

/** What the engine tells as it goes, as metrics. */
export function createEngineMetrics(options: EngineMetricsOptions): EngineMeter {
  const { registry, clock, namespaces, actors } = options;
  const registers = [registry];
  const perNamespace = { labelNames: ['namespace'], registers } as const;
  const batchChanges = new TallyHistogram({
    ...perNamespace,
    name: 'policy_commit_batch_changes',
    help: 'Changes that one commit of this replica made; 0 where it only confirmed what holds.',
    buckets: CHANGES,
  });
  const commitSeconds = new TallyHistogram({
    ...perNamespace,
    name: 'policy_commit_duration_seconds',
    help: 'Time from when a batch left the queue until the store had answered for it, tries and conflicts included.',
    buckets: SECONDS,
  });
  const appliedSeconds = new TallyHistogram({
    ...perNamespace,
    name: 'policy_applied_lag_seconds',
    help: 'Time from when this replica had a change until a watcher of it said that it runs it, by watcher and change.',
    buckets: SECONDS,
  });
  const updates = new Counter({
    name: 'policy_updates_total',
    help: 'Changes of the policy that this replica has taken in, whoever committed them: every replica counts each once.',
    labelNames: ['namespace', 'kind', 'actor'],
    registers,
  });
  const epochChanges = new Counter({
    ...perNamespace,
    labelNames: [...perNamespace.labelNames],
    name: 'policy_epoch_changes_total',
    help: 'How often another epoch began: the store may have lost something.',
  });
  const byNamespace = new Map<string, Counted>(
    namespaces.map((namespace) => {
      epochChanges.inc({ namespace }, 0);
      const counted = {
        riskMode: new TimeInForce(RISK_MODES, clock),
        tradingState: new TimeInForce(TRADING_STATES, clock),
        batchChanges: batchChanges.tally({ namespace }),
        commitSeconds: commitSeconds.tally({ namespace }),
        appliedSeconds: appliedSeconds.tally({ namespace }),
      };
      return [namespace, counted];
    }),
  );
  /** All of one kind, named as the contract names them. */
  function* times<Value extends number, Label extends string>(
    timeOf: (counted: Counted) => TimeInForce<Value>,
    names: Readonly<Record<number, string>>,
    label: Label,
  ): Iterable<Sample<'namespace' | Label>> {
    for (const [namespace, counted] of byNamespace) {
      for (const [value, seconds] of timeOf(counted).seconds()) {
        yield [{ namespace, [label]: names[value] ?? '' } as Record<'namespace' | Label, string>, seconds];
      }
    }
  }
  function* levels(timeOf: (counted: Counted) => TimeInForce<number>): Iterable<Sample<'namespace'>> {
    for (const [namespace, counted] of byNamespace) {
      const { current } = timeOf(counted);
      if (current !== undefined) yield [{ namespace }, current];
    }
  }
  collectedCounter(
    {
      name: 'policy_risk_mode_seconds_total',
      help: 'Time that each risk mode was in force on this replica.',
      labelNames: ['namespace', 'mode'],
      registers,
    },
    () => times(({ riskMode }) => riskMode, RiskMode, 'mode'),
  );
  collectedCounter(
    {
      name: 'policy_trading_state_seconds_total',
      help: 'Time that each trading state was in force on this replica.',
      labelNames: ['namespace', 'state'],
      registers,
    },
    () => times(({ tradingState }) => tradingState, TradingState, 'state'),
  );
  collectedGauge(
    {
      ...perNamespace,
      name: 'policy_risk_mode_level',
      help: 'The risk mode in force: 1 DEFENSIVE, 2 NORMAL, 3 AGGRESSIVE.',
    },
    () => levels(({ riskMode }) => riskMode),
  );
  collectedGauge(
    {
      ...perNamespace,
      name: 'policy_trading_state_level',
      help: 'The trading state in force: 1 HALTED, 2 REDUCE_ONLY, 3 ACTIVE.',
    },
    () => levels(({ tradingState }) => tradingState),
  );

  return {
    inForce({ namespace, riskMode, tradingState }) {
      byNamespace.get(namespace)?.riskMode.set(riskMode);
      byNamespace.get(namespace)?.tradingState.set(tradingState);
    },
    changed({ namespace, kind, actor }) {
      updates.inc({ namespace, kind: ChangeKind[kind], actor: actors.label(actor) });
    },
    epochChanged({ namespace }) {
      epochChanges.inc({ namespace });
    },
    committed({ namespace, changes, ms }) {
      byNamespace.get(namespace)?.batchChanges.observe(changes);
      byNamespace.get(namespace)?.commitSeconds.observe(ms / 1000);
    },
    applied({ namespace, ms }) {
      byNamespace.get(namespace)?.appliedSeconds.observe(ms / 1000);
    },
  };
}

import { MemberState } from '@policystore/client/proto';
import type { Registry } from 'prom-client';

import type { Namespace, NamespaceStats } from '../engine/types.js';
import type { BoundedNames } from './bounded-names.js';
import { collectedCounter, collectedGauge, type Sample } from './collected.js';

/** What a watcher is at, in words. */
const STATES: Readonly<Record<number, string>> = {
  [MemberState.APPLIED]: 'applied',
  [MemberState.REJECTED]: 'rejected',
  [MemberState.PENDING]: 'pending',
  [MemberState.LOST]: 'lost',
  [MemberState.UNSPECIFIED]: 'silent',
};

export interface NamespaceMetricsOptions {
  readonly registry: Registry;
  /** All that the server is to serve. */
  readonly namespaces: readonly string[];
  /** Those that are served. */
  readonly served: () => readonly Pick<Namespace, 'name' | 'stats'>[];
  /** Names of those who watch, as values of a label. */
  readonly components: BoundedNames;
}

/** What the engine is asked at every scrape. */
export function createNamespaceMetrics(options: NamespaceMetricsOptions): void {
  const { registry, namespaces, served, components } = options;
  const registers = [registry];
  let stats: ReadonlyMap<string, NamespaceStats> = new Map();
  /** The first that is collected at a scrape; the others show the same moment. */
  function ask(): void {
    stats = new Map(served().flatMap(({ name, stats }) => (stats ? [[name, stats] as const] : [])));
  }

  const perNamespace = ['namespace'] as const;
  type Ask = (stats: NamespaceStats) => number;
  const samplesOf = (value: Ask): Sample<'namespace'>[] =>
    Array.from(stats, ([namespace, each]) => [{ namespace }, value(each)]);
  const gauge = (name: string, help: string, value: Ask): void => {
    collectedGauge({ name, help, labelNames: perNamespace, registers }, () => samplesOf(value));
  };
  const counter = (name: string, help: string, value: Ask): void => {
    collectedCounter({ name, help, labelNames: perNamespace, registers }, () => samplesOf(value));
  };

  collectedGauge(
    {
      name: 'policy_store_reached',
      help: '1 while the store answers, 0 while it is away or was not reached yet.',
      labelNames: perNamespace,
      registers,
    },
    () => {
      ask();
      return namespaces.map((namespace) => [
        { namespace },
        Number(stats.get(namespace)?.storeReached ?? false),
      ]);
    },
  );
  gauge(
    'policy_lease_left_seconds',
    'How long what this replica answers may still be believed; at 0 readers hold it for REDUCE_ONLY.',
    ({ leaseMs }) => leaseMs / 1000,
  );
  gauge('policy_head_revision', 'The newest revision that this replica holds.', ({ revision }) => revision);
  gauge(
    'policy_allowed_strategies',
    'Strategies that are allowed by the policy in force.',
    ({ allowedStrategies }) => allowedStrategies,
  );
  gauge(
    'policy_allowed_symbols',
    'Symbols that are allowed by the policy in force.',
    ({ allowedSymbols }) => allowedSymbols,
  );
  gauge(
    'policy_overrides_active',
    'Overrides in force on this replica, pending ones too.',
    ({ overrides }) => overrides,
  );
  gauge(
    'policy_overrides_pending',
    'Overrides in force on this replica alone, which are not in the store yet.',
    ({ pendingOverrides }) => pendingOverrides,
  );
  collectedGauge(
    {
      name: 'policy_queue_calls',
      help: 'Calls that wait: writes for the store, reads of the history for other reads.',
      labelNames: ['namespace', 'queue'],
      registers,
    },
    () =>
      Array.from(stats).flatMap(([namespace, { queue }]) => [
        [{ namespace, queue: 'writes' }, queue.writes],
        [{ namespace, queue: 'history' }, queue.historyReads],
      ]),
  );
  gauge('policy_queue_bytes', 'Size of the writes that wait for the store.', ({ queue }) => queue.bytes);
  counter(
    'policy_resyncs_total',
    'Snapshots that watchers were sent in place of changes that they missed.',
    ({ resyncs }) => resyncs,
  );
  counter(
    'policy_watchers_lost_total',
    'Watchers of this replica that vanished without closing, while what they held could still be believed.',
    ({ watchersLost }) => watchersLost,
  );
  collectedGauge(
    {
      name: 'policy_fleet_watchers',
      help: 'Watchers of this replica by component and by what they make of what it holds; silent: they do not say.',
      labelNames: ['namespace', 'component', 'state'],
      registers,
    },
    () => watcherSamples(stats, components),
  );
  collectedGauge(
    {
      name: 'policy_fleet_missing',
      help: 'Of the components in POLICY_EXPECTED, how many programs are nowhere, here or at another replica.',
      labelNames: ['namespace', 'component'],
      registers,
    },
    () =>
      Array.from(stats).flatMap(([namespace, { missing }]) =>
        missing.map(({ component, count }): Sample<'namespace' | 'component'> => [
          { namespace, component },
          count,
        ]),
      ),
  );
}

function* watcherSamples(
  stats: ReadonlyMap<string, NamespaceStats>,
  components: BoundedNames,
): Iterable<Sample<'namespace' | 'component' | 'state'>> {
  for (const [namespace, { watchers }] of stats) {
    const counts = new Map<string, Map<string, number>>();
    for (const { component, state, count } of watchers) {
      const label = components.label(component);
      const byState = counts.get(label) ?? new Map<string, number>();
      const name = STATES[state] ?? 'silent';
      byState.set(name, (byState.get(name) ?? 0) + count);
      counts.set(label, byState);
    }
    for (const [component, byState] of counts) {
      for (const state of Object.values(STATES)) {
        yield [{ namespace, component, state }, byState.get(state) ?? 0];
      }
    }
  }
}

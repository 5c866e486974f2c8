import { Registry } from 'prom-client';

import type { CallMeter } from '../requests/call-meter.js';
import type { Clock } from '../clock.js';
import type { EngineMeter } from '../engine/engine-meter.js';
import type { Engine } from '../engine/types.js';
import type { PolicyStore } from '../store/store.js';
import { BoundedNames } from './bounded-names.js';
import { CallMetrics, type Transport } from './call-metrics.js';
import { createEngineMetrics } from './engine-metrics.js';
import { meteredStore } from './metered-store.js';
import { createNamespaceMetrics } from './namespace-metrics.js';
import { processMetrics } from './process-metrics.js';

/** How many distinct names of each kind get time series of their own; what comes later is counted as `other`. */
export const MAX_NAMES = 50;

export interface Metrics {
  /** What Prometheus reads. */
  readonly contentType: string;
  /** A scrape. */
  text(): Promise<string>;
  readonly engine: EngineMeter;
  /** What counts the calls that come in one way. */
  calls(transport: Transport): CallMeter;
  /** The same store, metered. Called once. */
  metered(store: PolicyStore): PolicyStore;
  /** From now on scrapes show how things stand in the namespaces of an engine. */
  observe(engine: Pick<Engine, 'namespaces'>): void;
}

export interface MetricsOptions {
  readonly namespaces: readonly string[];
  readonly clock: Clock;
}

export function createMetrics({ namespaces, clock }: MetricsOptions): Metrics {
  const registry = new Registry();
  let served: Engine['namespaces'] = [];
  const calls = new CallMetrics({ registry, namespaces, readers: new BoundedNames(MAX_NAMES) });
  const engine = createEngineMetrics({ registry, clock, namespaces, actors: new BoundedNames(MAX_NAMES) });
  const components = new BoundedNames(MAX_NAMES);
  createNamespaceMetrics({ registry, namespaces, served: () => served, components });
  return {
    contentType: registry.contentType,
    text: () => Registry.merge([registry, processMetrics()]).metrics(),
    engine,
    calls: (transport) => calls.of(transport),
    metered: (store) => meteredStore(store, registry),
    observe({ namespaces: all }) {
      served = all;
    },
  };
}

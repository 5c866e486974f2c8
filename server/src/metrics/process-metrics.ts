import { monitorEventLoopDelay } from 'node:perf_hooks';

import { collectDefaultMetrics, Registry } from 'prom-client';

import { collectedGauge } from './collected.js';

/** How often the delay of the event loop is looked at, in milliseconds. */
const RESOLUTION_MS = 20;
/** The library's own look at the event loop counts the interval that it means to wait as delay: it is not asked. */
const NEVER_MS = 24 * 3600 * 1000;
/** That, and sums of what is told by type, which promtool takes for counters by their names. */
const LEFT_OUT = /^nodejs_(eventloop_lag|active_\w+_total$)/;
const PERCENTILES = [50, 90, 99, 100];

let metrics: Registry | undefined;

/** What this process takes: the same for all that run in it, since it is watched as long as it lives. */
export function processMetrics(): Registry {
  metrics ??= createProcessMetrics();
  return metrics;
}

function createProcessMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const { name } of registry.getMetricsAsArray()) {
    if (LEFT_OUT.test(name)) registry.removeSingleMetric(name);
  }
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  collectedGauge(
    {
      name: 'policy_event_loop_delay_seconds',
      help: 'How late timers were since the scrape before, by percentile: as long, whatever came had to wait.',
      labelNames: ['percentile'],
      registers: [registry],
    },
    () => {
      const samples = PERCENTILES.map((percentile) => {
        // The monitor counts the interval that it meant to wait.
        const ms = delay.percentile(percentile) / 1e6 - RESOLUTION_MS;
        return [{ percentile: String(percentile) }, Math.max(0, ms) / 1000] as const;
      });
      delay.reset();
      return samples;
    },
  );
  return registry;
}

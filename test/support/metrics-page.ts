import { readFileSync } from 'node:fs';

/** A row of the table in docs/operations/metrics.md. */
export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** A file of docs/operations. */
export function operationsFile(name: string): string {
  return readFileSync(new URL(`../../docs/operations/${name}`, import.meta.url), 'utf8');
}

/** What the documented tables say that there is. */
export function documentedMetrics(): DocumentedMetric[] {
  const rows = operationsFile('metrics.md').matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*)\|/gm);
  return Array.from(rows, ([, name = '', type = '', labels = '']) => ({
    name,
    type,
    labels: Array.from(labels.matchAll(/`(\w+)`/g), ([, label = '']) => label),
  }));
}

/** The names of metrics in an expression of PromQL, without what Prometheus adds to histograms. */
export function metricsIn(expression: string): string[] {
  const names = expression.matchAll(/\b((?:policy|process|nodejs)_\w+)/g);
  return Array.from(names, ([, name = '']) => name.replace(/_(bucket|sum|count)$/, ''));
}

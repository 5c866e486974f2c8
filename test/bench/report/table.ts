import type { Estimate } from '../measure/statistics.js';
import type { Bound, Comparison, Row } from './row.js';

const HEAD = [
  'what',
  'measure',
  'PolicyStore',
  'compared with',
  '',
  'ratio (95 %)',
  'same server',
  'goal',
  '',
];

/** The result for people, as a Markdown table whose columns also line up as plain text. */
export function table(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)));
  const [head = '', ...body] = lines.map((line) => join(line.map((cell, i) => cell.padEnd(widths[i] ?? 0))));
  return [head, join(widths.map((width) => '-'.repeat(width))), ...body].join('\n');
}

function join(texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}

function cells({ title, measure, unit, value, comparison, bound, note }: Row): string[] {
  if (value === undefined) return [title, '', note ?? '', '', '', '', '', '', ''];
  return [
    title,
    measure,
    `${digits(value.median)} ${unit}`.trim(),
    ...(comparison === undefined ? ['', '', '', '', ...judged(bound, unit)] : compared(comparison, unit)),
  ];
}

function compared({ reference, value, ratio, self, goal, met }: Comparison, unit: string): string[] {
  return [
    reference,
    `${digits(value.median)} ${unit}`.trim(),
    spread(ratio),
    spread(self),
    goal === undefined ? '' : `${goal.ratio === 'at least' ? '>=' : '<='} ${goal.limit}`,
    verdict(met),
  ];
}

function judged(bound: Bound | undefined, unit: string): string[] {
  return [bound === undefined ? '' : `<= ${bound.atMost} ${unit}`, verdict(bound?.met)];
}

function verdict(met: boolean | undefined): string {
  return met === undefined ? '' : met ? 'met' : 'short';
}

function spread({ median, low, high }: Estimate): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}..${high.toFixed(2)})`;
}

/** Three digits that mean something. */
function digits(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value.toPrecision(3);
}

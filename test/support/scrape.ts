/** One time series of a scrape. */
export interface Series {
  /** As it is written, such as `policy_commit_duration_seconds_bucket`. */
  readonly name: string;
  /** Of the metric that it belongs to, such as `policy_commit_duration_seconds`. */
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a server said of itself, in Prometheus' text format. */
export class Scrape {
  /** By metric: its type and help text. */
  readonly metrics = new Map<string, { readonly type: string; readonly help: string }>();
  readonly series: readonly Series[];

  constructor(text: string) {
    const series: Series[] = [];
    let help = '';
    let metric = '';
    for (const line of text.split('\n').filter((each) => each !== '')) {
      const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
      if (what === 'HELP') help = rest;
      else if (what === 'TYPE') {
        metric = name;
        this.metrics.set(name, { type: rest, help });
      } else series.push({ ...readSeries(line), metric });
    }
    this.series = series;
  }

  /** Of the one series with these labels and no others but `le`; undefined: there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels);
    const found = this.series.filter(
      (each) =>
        each.name === name &&
        Object.keys(each.labels).length === wanted.length &&
        wanted.every(([label, value]) => each.labels[label] === value),
    );
    if (found.length > 1) throw new Error(`${name} has two series ${JSON.stringify(labels)}`);
    return found[0]?.value;
  }

  /** Every value of a label of a metric. */
  labelValues(metric: string, label: string): string[] {
    const values = this.series.filter((each) => each.metric === metric).map(({ labels }) => labels[label]);
    return [...new Set(values.filter((value) => value !== undefined))];
  }
}

function readSeries(line: string): Omit<Series, 'metric'> {
  const [, name, labelText = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a series: ${line}`);
  const labels: Record<string, string> = {};
  for (const [, label = '', text = ''] of labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[label] = text.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : String(escaped)));
  }
  return { name, labels, value: Number(value) };
}

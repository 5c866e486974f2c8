import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

import { documentedMetrics, metricsIn, operationsFile } from '../support/metrics-page.js';
import { promtool } from '../support/promtool.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

describe('the Grafana dashboard', () => {
  const directory = temporaryDirectory();
  const { panels, annotations } = JSON.parse(operationsFile('grafana-dashboard.json')) as Dashboard;
  const expressions = [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...annotations.list.map(({ expr }) => expr),
  ];

  it('has a row for what people look for, and panels in each that do not lie on each other', () => {
    const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).to.deep.equal(['In force', 'Changes', 'Calls', 'Fleet', 'Store', 'Process']);
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x} ${y}`), `${title} at ${x} ${y}`).to.be.undefined;
          taken.set(`${x} ${y}`, title);
        }
      }
    }
  });

  it('shows every metric of the server, and asks for none that there is not', () => {
    const known = documentedMetrics().map(({ name }) => name);
    const asked = new Set(expressions.flatMap(metricsIn));
    expect(known).to.include.members([...asked]);
    expect([...asked]).to.include.members(known.filter((name) => name.startsWith('policy_')));
  });

  it('asks in words that Prometheus understands', async () => {
    const variables = { $__rate_interval: '1m', $__range: '1h', $namespace: '.*' };
    const rules = expressions.map((expression, i) => ({
      record: `dashboard:panel${i}:value`,
      expr: Object.entries(variables).reduce(
        (text, [name, value]) => text.replaceAll(name, value),
        expression,
      ),
    }));
    const file = join(directory.path, 'dashboard.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { code, output } = await promtool(['check', 'rules', file]);
    expect(code, output).to.equal(0);
    expect(output).to.include(`${expressions.length} rules found`);
  });
});

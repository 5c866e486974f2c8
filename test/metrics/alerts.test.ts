import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

import { documentedMetrics, metricsIn, operationsFile } from '../support/metrics-page.js';
import { promtool } from '../support/promtool.js';

const RULES = fileURLToPath(new URL('../../docs/operations/alerts.yaml', import.meta.url));
const CASES = fileURLToPath(new URL('alerts.unit.yaml', import.meta.url));

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
interface Case {
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
}

function rules(): readonly Rule[] {
  const { groups } = parse(operationsFile('alerts.yaml')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

describe('the alert rules', () => {
  it('are accepted by Prometheus', async () => {
    const { code, output } = await promtool(['check', 'rules', RULES]);
    expect(output).to.include(`${rules().length} rules found`);
    expect(code, output).to.equal(0);
  });

  it('fire on what they are for and not before, each of them', async () => {
    const { code, output } = await promtool(['test', 'rules', CASES]);
    expect(code, output).to.equal(0);
    const { tests } = parse(readFileSync(CASES, 'utf8')) as { tests: Case[] };
    const moments = tests.flatMap((each) => each.alert_rule_test);
    for (const { alert } of rules()) {
      const own = moments
        .filter(({ alertname }) => alertname === alert)
        .map((each) => each.exp_alerts.length);
      expect(own, alert).to.include(0).and.include(1);
    }
  });

  it('ask only for metrics that there are', () => {
    const known = documentedMetrics().map(({ name }) => name);
    for (const { alert, expr } of rules()) {
      if (alert !== 'PolicyServerDown') expect(metricsIn(expr), alert).to.not.be.empty;
      expect(known, alert).to.include.members(metricsIn(expr));
    }
  });

  it('are explained one by one, with three commands each', () => {
    const [, ...sections] = operationsFile('alerts.md').split(/^## /m);
    const names = sections.map((section) => section.slice(0, section.indexOf('\n')));
    expect(names).to.deep.equal(rules().map(({ alert }) => alert));
    for (const section of sections) {
      const [, block = ''] = /```sh\n([^]*?)```/.exec(section) ?? [];
      expect(block.trim().split('\n'), section).to.have.length(3);
    }
  });
});

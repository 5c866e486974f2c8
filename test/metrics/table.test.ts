import { GetRequest, PolicyServiceService } from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { documentedMetrics } from '../support/metrics-page.js';
import { promtool } from '../support/promtool.js';
import { Scrape } from '../support/scrape.js';
import { ask, startServer } from '../support/server.js';

describe('the table of metrics', () => {
  const keep = closeAfterEach();
  const documented = documentedMetrics();

  async function scrapeOf(): Promise<string> {
    const server = keep(await startServer(), (each) => each.close());
    await ask(server.client, PolicyServiceService.get, GetRequest.create());
    return server.metrics();
  }

  it('names exactly the metrics that a scrape has, with their types', async () => {
    const { metrics } = new Scrape(await scrapeOf());
    const shown = Array.from(metrics, ([name, { type }]) => `${name} ${type}`);
    expect(documented.map(({ name, type }) => `${name} ${type}`)).to.have.members(shown);
  });

  it('names the labels that they have', async () => {
    const { series } = new Scrape(await scrapeOf());
    const labels = new Map(documented.map(({ name, labels }) => [name, labels]));
    for (const { metric, labels: shown } of series) {
      const names = Object.keys(shown).filter((label) => label !== 'le');
      expect(labels.get(metric), metric).to.have.members(names);
    }
  });

  it('is of metrics that each say what they are, under names of one form', async () => {
    const text = await scrapeOf();
    for (const [name, { help }] of new Scrape(text).metrics) {
      expect(help, name).to.match(/^\S.{10,}/);
      if (!/^(process|nodejs)_/.test(name)) expect(name).to.match(/^policy(_[a-z]+){2,}$/);
    }
    const { output } = await promtool(['check', 'metrics'], text);
    const against = output.split('\n').filter((line) => line !== '' && !/^(process|nodejs)_/.test(line));
    expect(against).to.deep.equal([]);
  });
});

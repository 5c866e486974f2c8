import {
  GetRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService,
  RankingsPatch,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { MAX_NAMES } from '../../server/src/metrics/metrics.js';
import { closeAfterEach } from '../support/closing.js';
import { Scrape } from '../support/scrape.js';
import { ask, failure, startServer, type TestServer, watch } from '../support/server.js';

const { get, patch } = PolicyServiceService;

const patchOf = (changes: Partial<PolicyPatch>): PatchRequest => ({
  ...PatchRequest.create(),
  patch: { ...PolicyPatch.create(), ...changes },
});

describe('the labels that callers choose', () => {
  const keep = closeAfterEach();
  const start = async (): Promise<TestServer> => keep(await startServer(), (server) => server.close());
  const scrape = async (server: TestServer): Promise<Scrape> => new Scrape(await server.metrics());

  it('are escaped, whatever they hold', async () => {
    const server = await start();
    const name = 'a"b\\c{d="e"} 1';
    await ask(server.client, get, GetRequest.create(), { 'x-policy-client': name });
    const component = 'or"{}\\der\u2028';
    const stream = watch(server.client, {
      watcher: { component, instance: '', acknowledges: false },
    });
    await stream.next();
    const shown = await scrape(server);
    expect(shown.value('policy_reads_total', { namespace: 'default', component: name })).to.equal(1);
    expect(shown.labelValues('policy_fleet_watchers', 'component')).to.deep.equal([component]);
    stream.cancel();
  });

  it('have so many names of readers and no more, however many there are', async () => {
    const server = await start();
    const readers = Array.from({ length: MAX_NAMES + 20 }, (_, i) => `reader-${i}`);
    for (const reader of [...readers, ...readers]) {
      await ask(server.client, get, GetRequest.create(), { 'x-policy-client': reader });
    }
    const shown = await scrape(server);
    const names = shown.labelValues('policy_reads_total', 'component');
    expect(names)
      .to.have.length(MAX_NAMES + 1)
      .and.include.members(['reader-0', 'other']);
    expect(shown.value('policy_reads_total', { namespace: 'default', component: 'reader-0' })).to.equal(2);
    expect(shown.value('policy_reads_total', { namespace: 'default', component: 'other' })).to.equal(40);
  });

  it('have so many names of those who write, and of components', async () => {
    const server = await start();
    for (let i = 0; i < MAX_NAMES + 3; i += 1) {
      await ask(server.client, patch, patchOf({ maxPositions: (i % 2) + 1 }), {
        'x-policy-client': `writer-${i}`,
      });
    }
    const streams = Array.from({ length: MAX_NAMES + 3 }, (_, i) =>
      watch(server.client, { watcher: { component: `component-${i}`, instance: '', acknowledges: false } }),
    );
    for (const stream of streams) await stream.next();
    const shown = await scrape(server);
    expect(shown.labelValues('policy_updates_total', 'actor')).to.have.length(MAX_NAMES + 1);
    expect(shown.labelValues('policy_fleet_watchers', 'component')).to.have.length(MAX_NAMES + 1);
    const others = { namespace: 'default', component: 'other', state: 'silent' };
    expect(shown.value('policy_fleet_watchers', others)).to.equal(3);
    for (const stream of streams) stream.cancel();
  });

  it('name the field that was wrong and nothing that the caller put into it', async () => {
    const server = await start();
    for (const symbol of ['EVIL', 'EVIL2', '"}\n', 'max_positions']) {
      const oppRankings = { ...RankingsPatch.create(), put: new Map([[symbol, 7]]) };
      await failure(ask(server.client, patch, patchOf({ oppRankings })));
    }
    await failure(ask(server.client, patch, patchOf({ customParams: { constructor: 1 } })));
    await failure(ask(server.client, get, { ...GetRequest.create(), namespace: 'x"y' }));
    const shown = await scrape(server);
    const fields = shown.labelValues('policy_validation_failures_total', 'field');
    expect(fields).to.have.members(['opp_rankings', 'custom_params']);
    const rankings = { field: 'opp_rankings', reason: 'VALIDATION_FAILED' };
    expect(shown.value('policy_validation_failures_total', rankings)).to.equal(4);
    expect(shown.series.flatMap(({ labels }) => Object.values(labels)).join()).to.not.include('EVIL');
  });
});

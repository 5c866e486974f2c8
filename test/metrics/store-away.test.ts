import { OverrideRequest, PatchRequest, PolicyPatch, PolicyServiceService } from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Scrape } from '../support/scrape.js';
import { ask, failure, startServer, type TestServer } from '../support/server.js';

const { override, patch } = PolicyServiceService;

const DEFAULT = { namespace: 'default' };
const WRITE: PatchRequest = {
  ...PatchRequest.create(),
  patch: { ...PolicyPatch.create(), maxPositions: 9 },
};

describe('the metrics of a server on Redis', () => {
  const keep = closeAfterEach();

  async function start(settings = {}): Promise<{ redis: RedisServer; server: TestServer }> {
    const redis = keep(await startRedis(settings), (each) => each.close());
    const flags = ['--lease', '2s'];
    return { redis, server: keep(await startServer({ store: redis.url, flags }), (each) => each.close()) };
  }

  it('tell that it is away, what failed, that the lease runs out, and that a stop pends until it is back', async () => {
    const { redis, server } = await start();
    const shown = async (name: string, labels: Record<string, string> = DEFAULT): Promise<number> =>
      new Scrape(await server.metrics()).value(name, labels) ?? NaN;
    expect(await shown('policy_store_reached')).to.equal(1);
    expect(await shown('policy_lease_left_seconds'))
      .to.be.above(0)
      .and.at.most(2);

    await redis.kill();
    await until(async () => (await shown('policy_store_reached')) === 0);
    await failure(ask(server.client, patch, WRITE));
    await ask(server.client, override, { ...OverrideRequest.create(), reason: 'the store is away' });
    await until(async () => (await shown('policy_lease_left_seconds')) === 0);
    expect(await shown('policy_overrides_pending')).to.equal(1);
    expect(await shown('policy_trading_state_level')).to.equal(2);
    expect(await shown('policy_queue_calls', { ...DEFAULT, queue: 'writes' })).to.be.at.most(1);
    const away = { operation: 'follow', reason: 'unavailable' };
    expect(await shown('policy_store_errors_total', away)).to.be.above(0);
    const refused = { transport: 'grpc', method: 'Patch', code: 'UNAVAILABLE' };
    expect(await shown('policy_calls_total', refused)).to.equal(1);

    await redis.restart();
    await until(async () => (await shown('policy_overrides_pending')) === 0);
    await until(async () => (await shown('policy_store_reached')) === 1);
    expect(await shown('policy_overrides_active')).to.equal(1);
  });

  it('count a new epoch where it comes back without its data', async () => {
    const { redis, server } = await start({ appendonly: false });
    await ask(server.client, patch, WRITE);
    await redis.restart();
    const epochs = async (): Promise<number | undefined> =>
      new Scrape(await server.metrics()).value('policy_epoch_changes_total', DEFAULT);
    await until(async () => (await epochs()) === 1);
    const { labels, value } = new Scrape(await server.metrics()).series.find(
      (each) => each.name === 'policy_updates_total' && each.labels['kind'] === 'RECOVER',
    )!;
    expect([labels['actor'], value]).to.deep.equal(['system', 1]);
  });
});

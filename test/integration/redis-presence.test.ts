import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import type { PolicyStore } from '../../server/src/store/store.js';
import { until } from '../support/process.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { bodyOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };
const HOUR_MS = 3_600_000;
const BODY = bodyOf(100);

describe('Redis: what replicas say of themselves', () => {
  let server: RedisServer;
  let store: PolicyStore;
  let namespace: string;
  let key: string;

  before(async () => {
    server = await startRedis({ appendonly: false });
    store = createRedisStore(server.url, BOUNDS);
  });
  after(async () => {
    await store.close();
    await server.close();
  });
  beforeEach(() => {
    namespace = uniqueNamespace();
    key = `{policy:${namespace}}:replicas`;
  });

  /** Whose words Redis holds. */
  async function kept(): Promise<string[]> {
    return (await server.client.hkeys(key)).map((field) => field.replace(/:\d+$/, ''));
  }

  it('leaves nothing behind', async () => {
    await store.announce(namespace, { replica: 'a', body: BODY }, 30);
    await store.announce(namespace, { replica: 'b', body: BODY }, 50);
    expect(await server.client.keys(`*${namespace}*`)).to.have.length.at.most(1);
    await until(async () => (await server.client.exists(key)) === 0);

    await store.announce(namespace, { replica: 'a', body: BODY }, HOUR_MS);
    await store.announce(namespace, { replica: 'a', body: BODY }, 0);
    expect(await server.client.exists(key)).to.equal(0);
  });

  it('is dropped when it is over by the next that is said, and lasts as long as the last of it', async () => {
    await store.announce(namespace, { replica: 'long', body: BODY }, HOUR_MS);
    await store.announce(namespace, { replica: 'short', body: BODY }, 30);
    expect(await server.client.pttl(key)).to.be.within(HOUR_MS / 2, 1.5 * HOUR_MS);
    await until(async () => (await store.announced(namespace)).length === 1);
    expect(await kept()).to.have.members(['long', 'short']);
    await store.announce(namespace, { replica: 'new', body: BODY }, 2 * HOUR_MS);
    expect(await kept()).to.have.members(['long', 'new']);
    expect(await server.client.pttl(key)).to.be.within(1.5 * HOUR_MS, 2.5 * HOUR_MS);
  });

  it('is said and read where Redis is full, lest all lose their leases', async () => {
    await store.announce(namespace, { replica: 'a', body: BODY }, HOUR_MS);
    await server.client.config('SET', 'maxmemory', '1mb');
    try {
      const body = bodyOf(90);
      await store.announce(namespace, { replica: 'a', body }, HOUR_MS);
      const [said] = await store.announced(namespace);
      expect(Buffer.compare(said!.body, body)).to.equal(0);
    } finally {
      await server.client.config('SET', 'maxmemory', '0');
    }
  });

  it('needs no right beyond those of the rest', async () => {
    const rights = ['~{policy:*', '+@read', '+@write', '+@scripting', '+@connection', '+time', '+info'];
    await server.client.call('ACL', 'SETUSER', 'least', 'reset', 'on', '>p', ...rights);
    const least = createRedisStore(`redis://least:p@${server.host}:${server.port}`, BOUNDS);
    await least.announce(namespace, { replica: 'a', body: BODY }, HOUR_MS);
    expect(await least.announced(namespace)).to.have.length(1);
    await least.close();
  });
});

import { createRedisStore } from '../../server/src/store/redis/store.js';
import type { LogBounds, PolicyStore } from '../../server/src/store/store.js';
import { givenRedisUrl, plainRedis, startCluster, startSentinel, type TestRedis } from '../support/redis.js';
import { describeStore } from './suite.js';

const BACKENDS = {
  redis: plainRedis,
  'redis cluster': startCluster,
  'redis behind Sentinels': startSentinel,
};

for (const [name, start] of Object.entries(BACKENDS)) {
  let server: TestRedis | undefined;
  const isOurs = name !== 'redis' || givenRedisUrl === undefined;

  async function open(bounds: LogBounds): Promise<PolicyStore> {
    server ??= await start();
    const store = createRedisStore(server.url, bounds);
    await store.connect();
    return store;
  }

  describeStore(name, {
    open,
    openSecond: open,
    ...(isOurs && { interrupt: async () => server?.interrupt?.() }),
    async close() {
      await server?.close();
    },
  });
}

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import type { LogBounds, PolicyStore } from '../../server/src/store/store.js';
import { plainPostgres, type TestPostgres } from '../support/postgres.js';
import { describeStore } from './suite.js';

let server: TestPostgres | undefined;

async function open(bounds: LogBounds): Promise<PolicyStore> {
  server ??= await plainPostgres();
  const store = createPostgresStore(server.url, bounds);
  await store.connect();
  return store;
}

describeStore('postgres', {
  open,
  openSecond: open,
  interrupt: async () => server?.interrupt(),
  async close() {
    await server?.close();
  },
});

import { expect } from 'chai';

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import { GENESIS, type PolicyStore } from '../../server/src/store/store.js';
import { append, ROOMY } from '../conformance/harness.js';
import { closeAfterEach } from '../support/closing.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { bodyOf, chain, headOf } from '../support/store-builders.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };
const LONG = 30_000;

describe('PostgreSQL: loading', () => {
  const keep = closeAfterEach();
  let server: PostgresServer;

  before(async () => {
    server = await startPostgres({ config: ['autovacuum=off'] });
  });
  after(() => server.close());

  async function open(): Promise<PolicyStore> {
    const store = keep(createPostgresStore(server.url, ROOMY), (each) => each.close());
    await store.connect();
    return store;
  }

  it('stops at a hole in the log, however it came there', async () => {
    const store = await open();
    const entries = chain(GENESIS, 5);
    await append(store, 'hole', GENESIS, entries);
    await server.query("DELETE FROM policystore_log WHERE namespace = 'hole' AND revision = 3");
    expect((await store.load('hole', ALL))?.recent.map(headOf)).to.deep.equal(entries.slice(3).map(headOf));
    await server.query("DELETE FROM policystore_log WHERE namespace = 'hole' AND revision = 5");
    expect((await store.load('hole', ALL))?.recent).to.deep.equal([]);
  });

  it('reads each page once along the index, though nothing is known of the table yet', async () => {
    const store = await open();
    const entries = chain(GENESIS, LONG, () => ({ body: bodyOf(600) }));
    await append(store, 'long', GENESIS, entries, 256);
    const before = await readings(server);
    expect((await store.load('long', ALL))?.recent).to.have.length(LONG);
    // A few per entry: a page is measured, then read. All that is below each page would be 15 for each.
    expect((await readings(server)) - before).to.be.below(4 * LONG);
  });

  it('can be closed twice, and by two at once', async () => {
    const unhandled: unknown[] = [];
    const hear = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', hear);
    const store = await open();
    await Promise.all([store.close(), store.close()]);
    await store.close();
    await new Promise(setImmediate);
    process.off('unhandledRejection', hear);
    expect(unhandled).to.deep.equal([]);
  });
});

/** How many rows of the log were read from the index or the table so far. */
async function readings(server: PostgresServer): Promise<number> {
  // Sessions tell their counts at their end, or when they are idle for a while.
  await server.query('SELECT pg_stat_force_next_flush()').catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [row] = await server.query<{ read: string }>(
    `SELECT idx_tup_read AS read FROM pg_stat_user_indexes WHERE relname = 'policystore_log'`,
  );
  return Number(row?.read);
}

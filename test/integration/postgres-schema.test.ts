import { expect } from 'chai';
import { Client } from 'pg';

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import {
  GENESIS,
  StoreUnavailable,
  StoreUnusable,
  type Head,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, following, idsOf, ROOMY } from '../conformance/harness.js';
import { closeAfterEach } from '../support/closing.js';
import { useEngines } from '../support/engine.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf } from '../support/store-builders.js';

/** The advisory lock of who applies migrations. */
const MIGRATING = 0x506c5374;

describe('PostgreSQL: the schema', () => {
  const keep = closeAfterEach();
  const start = useEngines();
  let server: PostgresServer;
  /** Of a database of this test's own, by the owner. */
  let url: string;
  let database: string;

  before(async () => {
    server = await startPostgres();
    await server.query('CREATE ROLE owner LOGIN; CREATE ROLE guest LOGIN');
  });
  after(() => server.close());
  beforeEach(async () => {
    const created = await server.createDatabase();
    database = new URL(created).pathname.slice(1);
    await server.query(`ALTER DATABASE ${database} OWNER TO owner`);
    url = created.replace('postgres@', 'owner@');
  });

  function open(as = 'owner'): PolicyStore {
    const store = createPostgresStore(url.replace('owner@', `${as}@`), ROOMY, { pollMs: 50 });
    return keep(store, (each) => each.close());
  }

  /** Runs SQL in the database as its owner. */
  async function sql<Row>(text: string): Promise<Row[]> {
    const client = new Client(url);
    await client.connect();
    try {
      return (await client.query(text)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  describe('rights', () => {
    it('names what a user lacks who may not make the tables', async () => {
      for (const call of [open('guest').connect(), open('guest').commit('n', GENESIS, [entry(GENESIS)])]) {
        const { message } = await rejection(call, StoreUnusable);
        expect(message).to.match(/may not make them \(permission denied.*GRANT CREATE, USAGE ON SCHEMA/);
      }
      await sql('GRANT CREATE, USAGE ON SCHEMA public TO guest');
      expect(await open('guest').connect()).to.deep.equal([]);
    });

    it('works with no more rights than its own message names, and says which one is missing', async () => {
      await open().connect();
      const store = open('guest');
      const denied = await rejection(store.connect(), StoreUnusable);
      expect(denied.message).to.match(/denies the user a right/);
      const [grants = ''] = /GRANT .*/.exec(denied.message) ?? [];
      await sql(`ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`);
      await sql(`REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public FROM PUBLIC`);
      await rejection(open('guest').load('n', ROOMY), StoreUnusable);
      await sql(grants.replaceAll('SCHEMA …', 'SCHEMA public').replaceAll('TO …', 'TO guest'));

      expect(await store.connect()).to.deep.equal([]);
      const [first, next] = chain(GENESIS, 2, () => ({ writes: [['f', '1']] }));
      const follower = following(store, 'n');
      await commitOk(store, 'n', GENESIS, [first!]);
      await commitOk(store, 'n', headOf(first!), [{ ...next!, writes: [['f', null]] }]);
      expect(idsOf(await follower.entries(2))).to.deep.equal(idsOf([first!, next!]));
      await follower.stop();
      expect((await store.load('n', ROOMY))?.fields.size).to.equal(0);
      expect(await store.changes('n', { from: 1, to: 2 })).to.have.length(2);
      await store.announce('n', { replica: 'r', body: Buffer.from('b') }, 60_000);
      expect(await store.announced('n')).to.have.length(1);
    });

    it('names each right that a user lacks, before the first change needs it', async () => {
      await open().connect();
      await sql(`
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest;
        GRANT INSERT, UPDATE ON policystore_heads TO guest;
        GRANT INSERT, UPDATE, DELETE ON policystore_fields, policystore_replicas TO guest;
        REVOKE EXECUTE ON FUNCTION policystore_page FROM PUBLIC`);
      const store = open('guest');
      for (const use of [() => store.connect(), () => store.load('n', ROOMY)]) {
        const { message } = await rejection(use(), StoreUnusable);
        expect(message).to.match(
          /guest DELETE on policystore_heads; INSERT, UPDATE, DELETE on policystore_log; EXECUTE on policystore_page\. /,
        );
        expect(message).to.match(/As the owner: GRANT SELECT, INSERT, UPDATE, DELETE ON policystore_heads/);
      }
    });

    it('names the right to connect', async () => {
      await open().connect();
      await server.query(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
      const { message } = await rejection(open('guest').connect(), StoreUnusable);
      expect(message).to.match(/denies the user a right .*GRANT CONNECT ON DATABASE/);
    });

    it('goes on as soon as a right is back that was taken from a running server', async () => {
      await open().connect();
      const TABLES = 'policystore_heads, policystore_fields, policystore_log, policystore_replicas';
      const right = `SELECT, INSERT, UPDATE, DELETE ON ${TABLES}`;
      await sql(`GRANT ${right} TO guest; GRANT SELECT ON policystore_migrations TO guest`);
      const replica = await start({ store: open('guest') });
      await replica.patch({ maxPositions: 7 });
      await sql(`REVOKE ${right} FROM guest`);
      const refused = await replica.patch({ maxPositions: 8 }).catch((error: unknown) => error);
      expect(refused).to.include({ reason: 'STORE_UNAVAILABLE' });
      expect((refused as Error).message).to.match(
        /denies the user a right \(permission denied.*GRANT SELECT/,
      );
      await until(async () => replica.log.some(({ event }) => event === 'storeLost'));
      await sql(`GRANT ${right} TO guest`);
      await until(async () => replica.log.some(({ event }) => event === 'storeBack'));
      expect((await replica.patch({ maxPositions: 9 })).version.revision).to.equal(3);
      expect((await open().load('default', ROOMY))?.head.revision).to.equal(3);
    });
  });

  describe('migrations', () => {
    it('are applied once by ten servers that start at once on an empty database', async () => {
      const stores = Array.from({ length: 10 }, () => open());
      expect(await Promise.all(stores.map((store) => store.connect()))).to.deep.equal(stores.map(() => []));
      const versions = await sql<{ version: number }>(
        'SELECT version FROM policystore_migrations ORDER BY version',
      );
      expect(versions.map(({ version }) => version)).to.deep.equal(versions.map((_, i) => i + 1));
      const created = stores.map(() => entry(GENESIS));
      const outcomes = await Promise.all(stores.map((store, i) => store.commit('n', GENESIS, [created[i]!])));
      expect(outcomes.filter(({ kind }) => kind === 'committed')).to.have.length(1);
    });

    it('wait for a server that takes long to apply them', async () => {
      const other = keep(new Client(url), (client) => client.end());
      await other.connect();
      await other.query(`BEGIN; SELECT pg_advisory_xact_lock(${MIGRATING})`);
      const store = keep(createPostgresStore(url, ROOMY, { commandTimeoutMs: 500 }), (each) => each.close());
      const connecting = store.connect();
      const LONG = `SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND query_start < now() - interval '2.5 s'`;
      await until(async () => (await server.query(LONG)).length > 0);
      await other.query('COMMIT');
      expect(await connecting).to.deep.equal([]);
    });

    it('leave nothing behind where one fails', async () => {
      await sql('CREATE TABLE policystore_replicas ()');
      const { message } = await rejection(open().connect(), StoreUnusable);
      expect(message).to.match(
        /Some of the tables .* are missing \(relation "policystore_replicas" already exists\)/,
      );
      expect(await sql(`SELECT FROM pg_tables WHERE tablename LIKE 'policystore%'`)).to.have.length(1);
      await sql('DROP TABLE policystore_replicas');
      expect(await open().connect()).to.deep.equal([]);
    });

    it('of a newer program are refused, at the start and in the middle', async () => {
      const running = open();
      await commitOk(running, 'n', GENESIS, [entry(GENESIS)]);
      await sql('INSERT INTO policystore_migrations SELECT max(version) + 1 FROM policystore_migrations');
      const store = open();
      for (const call of [store.connect(), store.load('n', ROOMY), store.commit('n', GENESIS, [])]) {
        const { message } = await rejection(call, StoreUnusable);
        expect(message).to.match(
          /made by a newer program \(schema \d+, this one knows \d+\): run that version/,
        );
      }
    });

    it('make the tables in the schema that the search_path names first', async () => {
      await sql('CREATE SCHEMA one; CREATE SCHEMA two');
      for (const schema of ['one', 'two']) {
        const at = `${url}?options=-c%20search_path%3D${schema}`;
        const store = keep(createPostgresStore(at, ROOMY), (each) => each.close());
        await commitOk(store, 'n', GENESIS, [entry(GENESIS)]);
        expect(await sql(`SELECT FROM ${schema}.policystore_log`)).to.have.length(1);
      }
    });
  });

  describe('tables that are gone while servers run', () => {
    const WAYS: Record<string, () => Promise<unknown>> = {
      'DROP OWNED': () => sql('DROP OWNED BY owner CASCADE'),
      'the schema': () => sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public'),
    };
    for (const [way, drop] of Object.entries(WAYS)) {
      it(`are made anew, and what servers hold is put back: ${way}`, async () => {
        await server.query(`ALTER DATABASE ${database} OWNER TO owner`);
        const replicas = [await start({ store: open() }), await start({ store: open() })];
        for (let i = 1; i <= 3; i++) await replicas[0]!.patch({ maxPositions: i });
        await until(async () => replicas[1]!.version().revision === 4);
        await drop();
        await until(async () => replicas.every(({ log }) => log.some(({ event }) => event === 'recovered')));
        await until(() => replicas[1]!.patch({ maxPositions: 9 }));
        await until(async () => replicas[0]!.policy().maxPositions === 9);
        expect(replicas[0]!.version()).to.deep.equal(replicas[1]!.version());
        const lost = replicas.flatMap(({ log }) =>
          log.flatMap((line) => (line.event === 'storeLost' ? [line.error] : [])),
        );
        for (const error of lost) expect(error).to.be.instanceOf(StoreUnavailable);
      });
    }

    for (const table of [
      'policystore_heads',
      'policystore_fields',
      'policystore_log',
      'policystore_replicas',
    ]) {
      it(`are named where only some are: ${table}`, async () => {
        const store = open();
        const first = entry(GENESIS);
        await commitOk(store, 'n', GENESIS, [first]);
        await sql(`DROP TABLE ${table} CASCADE`);
        const use = (): Promise<unknown> =>
          table === 'policystore_replicas'
            ? store.announced('n')
            : store.commit('n', headOf(first), [entry(first, [['f', '1']])]);
        const missing = await rejection(use(), StoreUnavailable);
        expect(missing.sent).to.equal(false);
        const unusable = await rejection(use(), StoreUnusable);
        expect(unusable.message).to.match(new RegExp(`missing \\(${table}.*\\): restore them, or drop all`));
      });
    }
  });

  describe('a log that goes beyond its head', () => {
    let head: Head;
    let store: PolicyStore;

    beforeEach(async () => {
      store = open();
      head = await append(store, 'n', GENESIS, chain(GENESIS, 3), 1);
      await sql('DELETE FROM policystore_heads');
    });

    it('is not written over', async () => {
      const { message } = await rejection(store.commit('n', GENESIS, [entry(GENESIS)]), StoreUnusable);
      expect(message).to.match(/log policystore_log goes beyond its head.*Restore both together, or delete/);
      expect(await sql('SELECT FROM policystore_log')).to.have.length(3);
      await sql('DELETE FROM policystore_log');
      await commitOk(store, 'n', GENESIS, [entry(GENESIS)]);
    });

    it('is a gap to who follows, and a conflict to who commits', async () => {
      expect(await following(store, 'n', head).ended).to.equal('gap');
      expect((await commitConflict(store, 'n', head, [entry(head)])).missed).to.equal('reload');
    });
  });
});

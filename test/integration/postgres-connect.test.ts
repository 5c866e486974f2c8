import { inspect } from 'node:util';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import { Client } from 'pg';

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import {
  GENESIS,
  StoreUnavailable,
  StoreUnusable,
  type Checkpoint,
  type NewEntry,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { commitOk, ROOMY } from '../conformance/harness.js';
import { closeAfterAll, closeAfterEach } from '../support/closing.js';
import { postgresUser } from '../support/postgres-programs.js';
import { startPostgres, startStandby, type PostgresServer } from '../support/postgres.js';
import { freePort, until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { startProxy } from '../support/tcp-proxy.js';

/** Who may come in, and how. */
const HBA = `
host all,replication postgres 127.0.0.1/32 trust
host all trusted  127.0.0.1/32 trust
host all crowded  127.0.0.1/32 trust
host all strange  127.0.0.1/32 trust
hostssl all tls   127.0.0.1/32 trust
host all scram    127.0.0.1/32 scram-sha-256
host all md5      127.0.0.1/32 md5
host all plain    127.0.0.1/32 password
`;

describe('PostgreSQL: connecting', () => {
  const keep = closeAfterEach();
  const keepForAll = closeAfterAll();
  let server: PostgresServer;
  let at: string;

  before(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'policystore-hba-'));
    keepForAll(dir, () => rm(dir, { recursive: true }));
    const hba = join(dir, 'pg_hba.conf');
    await writeFile(hba, HBA);
    await chmod(dir, 0o755);
    const user = postgresUser();
    if (user) await chown(hba, user.uid, user.gid);
    server = keepForAll(await startPostgres({ config: [`hba_file=${hba}`] }), (each) => each.close());
    at = `${server.host}:${server.port}`;
    await server.query(`
      CREATE ROLE trusted SUPERUSER LOGIN; CREATE ROLE tls LOGIN; CREATE ROLE unlisted LOGIN;
      CREATE ROLE scram SUPERUSER LOGIN PASSWORD 'p@ss w/rd'; CREATE ROLE plain SUPERUSER LOGIN PASSWORD 's3cr3t';
      SET password_encryption = md5; CREATE ROLE md5 SUPERUSER LOGIN PASSWORD 's3cr3t'; RESET password_encryption;
      CREATE ROLE crowded LOGIN CONNECTION LIMIT 2`);
  });

  function open(url: string): PolicyStore {
    return keep(createPostgresStore(url, ROOMY, { commandTimeoutMs: 1000 }), (store) => store.close());
  }

  /** The URL of a new database in which each session begins with these settings. */
  async function databaseWith(settings: Record<string, string>): Promise<string> {
    const url = await server.createDatabase();
    const name = new URL(url).pathname.slice(1);
    for (const [setting, value] of Object.entries(settings)) {
      await server.query(`ALTER DATABASE ${name} SET ${setting} = ${value}`);
    }
    return url;
  }

  it('passes without a word where every acknowledged change is kept', async () => {
    expect(await open(server.url).connect()).to.deep.equal([]);
  });

  for (const setting of ['fsync', 'full_page_writes']) {
    it(`warns of ${setting} off`, async () => {
      const reload = async (value: string): Promise<void> => {
        await server.query(`ALTER SYSTEM SET ${setting} = ${value}`);
        await server.query('SELECT pg_reload_conf()');
      };
      const risky =
        setting === 'fsync'
          ? keep(await startPostgres({ fsync: false }), (each) => each.close())
          : (await reload('off'), server);
      let warnings: string[] = [];
      await until(async () => (warnings = await open(risky.url).connect()).length > 0);
      await reload('on');
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(new RegExp(`has ${setting} off: .* power loss .*Set ${setting} = on\\.`));
    });
  }

  it('gets in by each way of proving a password', async () => {
    for (const login of ['scram:p%40ss%20w%2Frd', 'md5:s3cr3t', 'plain:s3cr3t']) {
      expect(await open(`postgres://${login}@${at}/postgres`).connect()).to.deep.equal([]);
    }
  });

  it('says which credentials are wrong, and never what they are', async () => {
    const withOptions = (options: string): string =>
      `postgres://trusted:wr0ng@${at}/postgres?options=${encodeURIComponent(options)}`;
    const CASES: [url: string, message: RegExp][] = [
      [
        `postgres://scram:wr0ng@${at}/postgres`,
        /not accept .* POLICY_STORE .* user "scram"\).*ALTER ROLE … PASSWORD/,
      ],
      [
        `postgres://md5:wr0ng@${at}/postgres`,
        /not accept .* POLICY_STORE .* user "md5"\).*ALTER ROLE … PASSWORD/,
      ],
      [
        `postgres://plain:wr0ng@${at}/postgres`,
        /not accept .* POLICY_STORE .* user "plain"\).*ALTER ROLE … PASSWORD/,
      ],
      [
        `postgres://scram@${at}/postgres`,
        /POLICY_STORE holds none: write postgres:.* PGPASSWORD is not read$/,
      ],
      [`postgres://md5@${at}/postgres`, /does not accept .* PGPASSWORD is not read/],
      [`postgres://plain@${at}/postgres`, /does not accept .* PGPASSWORD is not read/],
      [`postgres://strange:wr0ng@${at}/postgres`, /role "strange" does not exist.*CREATE ROLE/],
      [`postgres://unlisted:wr0ng@${at}/postgres`, /no pg_hba.conf entry.*let it in by pg_hba.conf/],
      [`postgres://tls:wr0ng@${at}/postgres`, /no encryption.*sslmode=verify-full/],
      [`postgres://trusted:wr0ng@${at}/nowhere`, /database "nowhere" does not exist\. .*CREATE DATABASE/],
      [withOptions('-c nope=1'), /unrecognized .* "nope"\): correct options in POLICY_STORE/],
      [withOptions('-c work_mem=much'), /invalid value .* "much"\): correct options in POLICY_STORE/],
      [withOptions('-x'), /invalid command-line argument.*: correct options in POLICY_STORE/],
      [withOptions('-c port=1'), /"port" cannot be changed.*: correct options in POLICY_STORE/],
      [`postgres://trusted:wr0ng@${at}/postgres?sslmode=require`, /offers no TLS: set ssl = on there/],
    ];
    for (const [url, message] of CASES) {
      const store = open(url);
      for (const call of [store.connect(), store.commit(uniqueNamespace(), GENESIS, [])]) {
        const error = await rejection(call, StoreUnusable);
        expect(error.message).to.match(message).and.include(at);
        expect(inspect(error, { depth: 10, showHidden: true })).not.to.match(/wr0ng|s3cr3t/);
      }
    }
  });

  it('gives up soon where nobody listens, nobody answers, or the name is unknown', async () => {
    const proxy = keep(await startProxy(server), (each) => each.close());
    proxy.blackhole(true);
    const CASES: [url: string, message: RegExp][] = [
      [
        `postgres://u@127.0.0.1:${await freePort()}`,
        /cannot be reached \(ECONNREFUSED\): start it, or correct/,
      ],
      [
        `postgres://u@127.0.0.1:${proxy.port}`,
        /cannot be reached \(no reply within 1000 ms\): start it, or correct/,
      ],
      [`postgres://u@no-such-host.invalid`, /cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/],
    ];
    for (const [url, message] of CASES) {
      const store = open(url);
      for (const call of [store.connect(), store.commit('n', GENESIS, [])]) {
        const error = await rejection(call, StoreUnavailable);
        expect(error.message).to.match(message);
        expect(error.sent).to.equal(false);
      }
    }
  });

  it('takes nothing from the environment that the driver would', async () => {
    const port = await freePort();
    const CASES: [url: string, environment: Record<string, string>][] = [
      [`postgres://trusted@${at}`, { PGHOST: '192.0.2.1', PGPORT: `${port}`, PGUSER: 'nobody' }],
      [`postgres://trusted@${at}/postgres`, { PGDATABASE: 'nowhere', PGSSLMODE: 'require' }],
      [`postgres://trusted@${at}/postgres`, { PGOPTIONS: '-c search_path=nowhere' }],
      [`postgres://trusted@${at}/postgres`, { PGREPLICATION: 'true' }],
      [`postgres://trusted@${at}/postgres`, { PGSSLNEGOTIATION: 'direct' }],
      [`postgres://trusted@${at}/postgres`, { PGCLIENT_ENCODING: 'LATIN1' }],
    ];
    await server.query('CREATE DATABASE trusted');
    const before = { ...process.env };
    try {
      for (const [url, environment] of CASES) {
        Object.assign(process.env, environment);
        expect(await open(url).connect(), inspect(environment)).to.deep.equal([]);
        process.env = { ...before };
      }
      process.env['PGPASSWORD'] = 'p@ss w/rd';
      await rejection(open(`postgres://scram@${at}/postgres`).connect(), StoreUnusable);
    } finally {
      process.env = before;
    }
  });

  it('refuses a database that cannot hold every name', async () => {
    for (const encoding of ['LATIN1', 'SQL_ASCII']) {
      const name = encoding.toLowerCase();
      await server.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
      const { message } = await rejection(open(`postgres://trusted@${at}/${name}`).connect(), StoreUnusable);
      expect(message).to.match(new RegExp(`encoding ${encoding}, .*CREATE DATABASE … ENCODING 'UTF8'`));
    }
  });

  it('says so where the search_path leads nowhere, and uses the schema that the URL names', async () => {
    const url = await server.createDatabase();
    const elsewhere = `${url}?options=-c%20search_path%3Dpolicy`;
    const { message } = await rejection(open(elsewhere).connect(), StoreUnusable);
    expect(message).to.match(/search_path .* names no schema.*CREATE SCHEMA.*GRANT USAGE.*search_path/);
    const first = entry(GENESIS);
    const admin = keep(createPostgresStore(url, ROOMY), (store) => store.close());
    await commitOk(admin, 'n', GENESIS, [first]);
    const name = new URL(url).pathname.slice(1);
    await server.query(`ALTER DATABASE ${name} SET search_path = nowhere`);
    await rejection(open(url).connect(), StoreUnusable);
    const store = open(`${url}?options=-c%20search_path%3Dpublic`);
    expect((await store.load('n', ROOMY))?.head).to.deep.equal(headOf(first));
  });

  const UNRULY: Record<string, string> = {
    default_transaction_isolation: 'serializable',
    synchronous_commit: 'off',
    statement_timeout: '200',
    lock_timeout: '1',
    jit_above_cost: '0',
    standard_conforming_strings: 'off',
    bytea_output: 'escape',
    DateStyle: "'SQL, DMY'",
    TimeZone: "'Asia/Kolkata'",
    array_nulls: 'off',
    client_encoding: 'LATIN1',
    plan_cache_mode: 'force_generic_plan',
  };
  for (const [setting, value] of Object.entries(UNRULY)) {
    it(`works where sessions begin with ${setting} = ${value}`, async () => {
      const url = await databaseWith({ [setting]: value });
      const [store, second] = [open(url), open(url)];
      const landed: NewEntry[] = [];
      for (let i = 0; i < 5; i++) {
        const head = headOf(landed.at(-1) ?? GENESIS);
        const both = [entry(head, [['f', `\\x${i}é'"`]]), entry(head, [['f', 'the other']])];
        const outcomes = await Promise.all(
          [store, second].map((each, j) => each.commit('n', head, [both[j]!])),
        );
        expect(outcomes.map(({ kind }) => kind)).to.have.members(['committed', 'conflict']);
        landed.push(both[outcomes.findIndex(({ kind }) => kind === 'committed')]!);
      }
      const checkpoint = await second.load('n', ROOMY);
      expect(checkpoint).to.deep.include({ head: headOf(landed[4]!), interrupted: false });
      expect(checkpoint?.fields).to.deep.equal(new Map(landed[4]!.writes as [string, string][]));
      const bodies = checkpoint?.recent.map(({ body }) => Buffer.from(body));
      expect(bodies).to.deep.equal(landed.map(({ body }) => Buffer.from(body)));
    });
  }

  it('gives statements the time that it means to, whatever the database gives', async () => {
    const url = await databaseWith({ statement_timeout: '50' });
    const store = keep(createPostgresStore(url, ROOMY, { commandTimeoutMs: 20_000 }), (each) => each.close());
    const first = entry(GENESIS);
    await commitOk(store, 'n', GENESIS, [first]);
    const other = keep(new Client(url), (client) => client.end());
    await other.connect();
    await other.query('SET statement_timeout = 0; BEGIN; LOCK TABLE policystore_heads IN EXCLUSIVE MODE');
    const waiting = store.commit('n', headOf(first), [entry(first)]);
    const LONG = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query_start < now() - interval '100 ms'`;
    await until(async () => (await server.query(LONG)).length > 0);
    await other.query('ROLLBACK');
    expect(await waiting).to.include({ kind: 'committed' });
  });

  it('says that a database takes no writes, and writes again when it does', async () => {
    const readOnly = await databaseWith({ default_transaction_read_only: 'on' });
    const { message } = await rejection(open(readOnly).connect(), StoreUnavailable);
    expect(message).to.match(/takes no writes: .*default_transaction_read_only/);

    const store = open(await server.createDatabase());
    const first = entry(GENESIS);
    await commitOk(store, 'n', GENESIS, [first]);
    const set = async (value: string): Promise<void> => {
      await server.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
      await server.query('SELECT pg_reload_conf()');
    };
    await set('on');
    let head = headOf(first);
    let refused: unknown;
    await until(async () => {
      const next = entry(head);
      refused = await store.commit('n', head, [next]).catch((error: unknown) => error);
      if (!(refused instanceof Error)) head = headOf(next);
      return refused instanceof Error;
    });
    expect(refused).to.be.instanceOf(StoreUnavailable).and.include({ sent: false });
    await server.query('SET default_transaction_read_only = off');
    await set('off');
    const next = entry(head);
    await until(async () => (await store.commit('n', head, [next])).kind === 'committed');
  });

  it('makes do with few connections, and keeps those that it has', async () => {
    const name = new URL(await server.createDatabase()).pathname.slice(1);
    await server.query(`ALTER DATABASE ${name} OWNER TO crowded`);
    const store = open(`postgres://crowded@${at}/${name}`);
    const namespaces = ['a', 'b', 'c', 'd'];
    const sessions = (): Promise<unknown[]> =>
      server.query(`SELECT pid FROM pg_stat_activity WHERE usename = 'crowded' ORDER BY pid`);
    await commitOk(store, 'n', GENESIS, []);
    const before = await sessions();
    expect(before).to.have.length(2);
    const created = namespaces.map(() => entry(GENESIS));
    const attempts = await Promise.allSettled(
      namespaces.map((each, i) => store.commit(each, GENESIS, [created[i]!])),
    );
    const refused = attempts.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    expect(refused).to.have.length(3);
    for (const error of refused) {
      expect(error).to.be.instanceOf(StoreUnavailable).and.include({ sent: false });
      expect((error as Error).message).to.match(/no room for another connection .*CONNECTION LIMIT/);
    }
    for (const [i, each] of namespaces.entries()) {
      if (attempts[i]!.status === 'rejected') await commitOk(store, each, GENESIS, [created[i]!]);
      expect((await store.load(each, ROOMY))?.head).to.deep.equal(headOf(created[i]!));
    }
    expect(await sessions()).to.deep.equal(before);
  });

  it('waits for a server that starts', async () => {
    const slow = keep(await startPostgres(), (each) => each.close());
    const first = entry(GENESIS);
    await commitOk(open(slow.url), 'n', GENESIS, [first]);
    await slow.query(`ALTER SYSTEM SET restore_command = 'until test -e go; do sleep 0.02; done; false'`);
    await slow.stop();
    await writeFile(join(slow.dir, 'recovery.signal'), '');
    const starting = slow.restart();
    const store = open(slow.url);
    let refused: StoreUnavailable | undefined;
    await until(async () => {
      refused = await rejection(store.commit('n', headOf(first), []), StoreUnavailable);
      return !refused.message.includes('ECONNREFUSED');
    });
    expect(refused?.message).to.match(/is starting up .*: wait/);
    expect(refused?.sent).to.equal(false);
    await writeFile(join(slow.dir, 'go'), '');
    await starting;
    // It begins as a standby.
    let checkpoint: Checkpoint | undefined;
    await until(async () => (checkpoint = await store.load('n', ROOMY)));
    expect(checkpoint).to.deep.include({ head: headOf(first), interrupted: true });
  });

  it('looks for the server that takes writes among several', async () => {
    const primary = keep(await startPostgres(), (each) => each.close());
    const standby = keep(await startStandby(primary), (each) => each.close());
    const primaryAt = `${primary.host}:${primary.port}`;
    const standbyAt = `${standby.host}:${standby.port}`;
    const alone = await rejection(open(standby.url).connect(), StoreUnavailable);
    expect(alone.message)
      .to.include(standbyAt)
      .and.match(/takes no writes: it is a standby .*POLICY_STORE/);
    expect(alone.sent).to.equal(false);
    const dead = `127.0.0.1:${await freePort()}`;
    for (const hosts of [
      `${dead},${primaryAt}`,
      `${standbyAt},${primaryAt}`,
      `${dead},${standbyAt},${primaryAt}`,
      `${primaryAt},${dead}`,
    ]) {
      const namespace = uniqueNamespace();
      const store = open(`postgres://postgres@${hosts}/postgres`);
      expect(await store.connect()).to.deep.equal([]);
      await commitOk(store, namespace, GENESIS, [entry(GENESIS)]);
    }
    const none = open(`postgres://postgres@${dead},${standbyAt}/postgres`);
    await rejection(none.commit('n', GENESIS, []), StoreUnavailable);
  });

  it('can be closed at any time, and more than once', async () => {
    const proxy = keep(await startProxy(server), (each) => each.close());
    const url = `postgres://trusted@127.0.0.1:${proxy.port}/postgres`;
    proxy.delay(15);
    for (let after = 0; after < 200; after += 10) {
      const store = createPostgresStore(url, ROOMY, { commandTimeoutMs: 60_000 });
      const calls = [store.connect(), store.commit(uniqueNamespace(), GENESIS, [entry(GENESIS)])];
      const ends = calls.map((call: Promise<unknown>) => call.catch((error: unknown) => error));
      await new Promise((resolve) => setTimeout(resolve, after));
      proxy.blackhole(true);
      await store.close();
      await store.close();
      for (const outcome of await Promise.all(ends)) {
        if (outcome instanceof Error) expect(outcome).to.be.instanceOf(StoreUnavailable);
      }
      await rejection(store.commit('n', GENESIS, []), StoreUnavailable);
      proxy.blackhole(false);
    }
  });
});

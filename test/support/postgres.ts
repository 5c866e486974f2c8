import { randomUUID } from 'node:crypto';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import { postgresProgram, postgresUser, runPostgresTool } from './postgres-programs.js';
import { type ManagedProcess, startOnFreePort, startProcess, until } from './process.js';

/** A PostgreSQL server of this test's own. Its port stays the same over a restart. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** Of the database `postgres`. */
  readonly url: string;
  /** Where it keeps its data. */
  readonly dir: string;
  /** The postmaster. */
  readonly process: ManagedProcess;
  /** Runs SQL in the database of `url`, behind the store's back, on a connection of its own. */
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Resolves with the URL of a new database on this server. */
  createDatabase(): Promise<string>;
  /** SIGKILL of the postmaster and its backends at once, as if the machine had crashed. */
  kill(): Promise<void>;
  /** Ends its connections; `fast` writes what it holds before, `immediate` leaves that to the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again on the same port and data, killing it first if it still runs. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
}

export interface PostgresSettings {
  /** Default true. */
  readonly fsync?: boolean;
  /** Default UTF8. */
  readonly encoding?: string;
  /** More lines of postgresql.conf: ['max_connections=20']. */
  readonly config?: readonly string[];
}

const HOST = '127.0.0.1';
const USER = 'postgres';

export async function startPostgres(settings: PostgresSettings = {}): Promise<PostgresServer> {
  const { encoding = 'UTF8' } = settings;
  return serverOf(settings, async (dir) => {
    const trusting = ['--auth', 'trust', '--username', USER];
    await runPostgresTool('initdb', [
      '--pgdata',
      dir,
      '--no-sync',
      '--no-locale',
      '-E',
      encoding,
      ...trusting,
    ]);
  });
}

/** A hot standby of a primary. */
export interface PostgresStandby extends PostgresServer {
  /** Cuts it off from the primary: it goes on with what it has. */
  detach(): Promise<void>;
  /** Makes it a primary. */
  promote(): Promise<void>;
}

export async function startStandby(primary: PostgresServer): Promise<PostgresStandby> {
  const from = ['--host', HOST, '--port', String(primary.port), '--username', USER];
  const server = await serverOf({}, async (dir) => {
    await runPostgresTool('pg_basebackup', [
      '--pgdata',
      dir,
      '-R',
      '--checkpoint',
      'fast',
      '--no-sync',
      ...from,
    ]);
  });
  const isFed = async (): Promise<boolean> =>
    (await server.query('SELECT FROM pg_stat_wal_receiver')).length > 0;
  try {
    await until(isFed);
  } catch (error) {
    await server.close();
    throw error;
  }
  return Object.assign(server, {
    async detach() {
      await server.query(`ALTER SYSTEM SET primary_conninfo = ''`);
      await server.query('SELECT pg_reload_conf()');
      await until(async () => !(await isFed()));
    },
    async promote() {
      await server.query('SELECT pg_promote()');
    },
  });
}

async function serverOf(
  { fsync = true, config = [] }: PostgresSettings,
  fill: (dir: string) => Promise<void>,
): Promise<PostgresServer> {
  const dir = await mkdtemp(join(tmpdir(), 'policystore-postgres-'));
  const user = postgresUser();
  const start = (port: number): Promise<ManagedProcess> => {
    const settings = [
      ...[`listen_addresses=${HOST}`, `port=${port}`, 'unix_socket_directories='],
      ...['shared_buffers=16MB', `fsync=${fsync ? 'on' : 'off'}`],
      // Nothing of it stays in /dev/shm when it is killed.
      'dynamic_shared_memory_type=mmap',
      ...config,
    ];
    return startProcess({
      command: postgresProgram('postgres'),
      args: ['-D', dir, ...settings.flatMap((setting) => ['-c', setting])],
      cwd: dir,
      ...(user && { user }),
      // It ends its backends, and gives back the shared memory.
      lastSignal: 'SIGQUIT',
      answers: () => ping(urlOf(port)),
    });
  };
  try {
    if (user) await chown(dir, user.uid, user.gid);
    await fill(dir);
    return await startOnFreePort(async (port) => runningServer(port, dir, await start(port), start));
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function runningServer(
  port: number,
  dir: string,
  first: ManagedProcess,
  start: (port: number) => Promise<ManagedProcess>,
): PostgresServer {
  const url = urlOf(port);
  const client = lastingClient(url);
  let managed = first;

  async function kill(): Promise<void> {
    await client.close();
    await crash(managed);
  }

  return {
    host: HOST,
    port,
    url,
    dir,
    get process() {
      return managed;
    },
    query: (sql, values) => client.query(sql, values),
    async createDatabase() {
      const name = uniqueDatabase();
      await client.query(creationOf(name));
      return urlOf(port, name);
    },
    kill,
    async stop(mode = 'fast') {
      await client.close();
      await managed.stop(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    },
    async restart() {
      await kill();
      managed = await start(port);
    },
    async close() {
      await client.close();
      await managed.stop('SIGQUIT');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A PostgreSQL for tests that need only data. */
export interface TestPostgres {
  /** Of a database that nobody else uses. */
  readonly url: string;
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Makes what was acknowledged look as if it might be lost, though nothing is. */
  interrupt(): Promise<void>;
  close(): Promise<void>;
}

/** The PostgreSQL that tests that need only data share with others; undefined: they start one of their own. */
export const givenPostgresUrl =
  process.env['TEST_POSTGRES_URL'] === '' ? undefined : process.env['TEST_POSTGRES_URL'];

export async function plainPostgres(): Promise<TestPostgres> {
  if (givenPostgresUrl !== undefined) return databaseOn(givenPostgresUrl);
  const server = await startPostgres();
  return Object.assign(server, { interrupt: () => server.restart() });
}

/** A database of its own on a server that is not ours. */
async function databaseOn(serverUrl: string): Promise<TestPostgres> {
  const server = lastingClient(serverUrl);
  const name = uniqueDatabase();
  try {
    await server.query(creationOf(name));
  } catch (error) {
    await server.close();
    throw error;
  }
  const url = new URL(serverUrl);
  url.pathname = name;
  const client = lastingClient(url.href);
  return {
    url: url.href,
    query: (sql, values) => client.query(sql, values),
    async interrupt() {
      await client.query('UPDATE policystore_heads SET revision = revision');
    },
    async close() {
      await client.close();
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.close();
    },
  };
}

function uniqueDatabase(): string {
  return `policystore_${randomUUID().replaceAll('-', '')}`;
}

function creationOf(database: string): string {
  return `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`;
}

function urlOf(port: number, database = 'postgres'): string {
  return `postgres://${USER}@${HOST}:${port}/${database}`;
}

async function ping(url: string): Promise<void> {
  const client = lastingClient(url);
  try {
    await client.query('SELECT');
  } finally {
    await client.close();
  }
}

interface LastingClient {
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Connects at the first query, and again at the next one after the connection was lost or closed. */
function lastingClient(url: string): LastingClient {
  let connection: Promise<Client> | undefined;

  async function connect(): Promise<Client> {
    const client = new Client(url);
    // A server that was killed on purpose is no news.
    client.on('error', () => undefined);
    client.once('end', () => (connection = undefined));
    try {
      await client.connect();
    } catch (error) {
      connection = undefined;
      throw error;
    }
    return client;
  }

  return {
    async query<Row>(sql: string, values?: unknown[]) {
      const client = await (connection ??= connect());
      const { rows } = await client.query(sql, values);
      return rows as Row[];
    },
    async close() {
      const client = await connection?.catch(() => undefined);
      await client?.end();
    },
  };
}

/** Kills a postmaster and its backends. */
async function crash(postmaster: ManagedProcess): Promise<void> {
  // It starts no more of them.
  postmaster.freeze();
  const backends = await childrenOf(postmaster);
  for (const pid of backends) process.kill(pid, 'SIGKILL');
  await postmaster.kill();
  // Until they are gone, their shared memory keeps the next postmaster from starting.
  for (const pid of backends) await until(() => isGone(pid));
}

async function childrenOf({ pid }: ManagedProcess): Promise<number[]> {
  const children = await readOf(`/proc/${pid}/task/${pid}/children`);
  return children.split(' ').filter(Boolean).map(Number);
}

async function isGone(pid: number): Promise<boolean> {
  const status = await readOf(`/proc/${pid}/status`);
  return status === '' || /^State:\s+[ZX]/m.test(status);
}

/** Empty where there is no such process. */
async function readOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { Redis, type RedisOptions } from 'ioredis';

import { freePort, startOnFreePort, startProcess, until, type ManagedProcess } from './process.js';

/** A Redis server of this test's own. Its port stays the same over a restart. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** Without the password. */
  readonly url: string;
  /** Where it keeps its data. */
  readonly dir: string;
  /** A plain client for looking behind the store's back. Made anew by `restart`. */
  readonly client: Redis;
  readonly process: ManagedProcess;
  /** SIGKILL */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, killing it first if it still runs. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
}

export interface RedisSettings {
  /** Default true. */
  readonly appendonly?: boolean;
  /** Default always. */
  readonly fsync?: 'always' | 'everysec' | 'no';
  /** Of the default user. Default: none. */
  readonly password?: string;
  /** More lines of redis.conf, as arguments: ['--maxmemory', '64mb']. */
  readonly config?: readonly string[];
}

const HOST = '127.0.0.1';

export async function startRedis(settings: RedisSettings = {}): Promise<RedisServer> {
  requireBinary('redis-server');
  const dir = await mkdtemp(join(tmpdir(), 'policystore-redis-'));
  const { appendonly = true, fsync = 'always', password, config = [] } = settings;
  const start = (port: number): Promise<ManagedProcess> =>
    startProcess({
      command: 'redis-server',
      args: [
        ...['--port', String(port), '--bind', HOST, '--dir', dir, '--save', '', '--daemonize', 'no'],
        // A replica of this server is there at once, rather than after 5 s.
        ...['--repl-diskless-sync-delay', '0'],
        ...(password === undefined ? [] : ['--requirepass', password]),
        ...['--appendonly', appendonly ? 'yes' : 'no', '--appendfsync', fsync, ...config],
      ],
      answers: () => ping(port, password),
    });
  try {
    return await startOnFreePort(async (port) => serverOn(port, dir, await start(port), start, password));
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function serverOn(
  port: number,
  dir: string,
  first: ManagedProcess,
  start: (port: number) => Promise<ManagedProcess>,
  password: string | undefined,
): RedisServer {
  let managed = first;
  let client = clientOf(port, password);
  return {
    host: HOST,
    port,
    url: `redis://${HOST}:${port}`,
    dir,
    get client() {
      return client;
    },
    get process() {
      return managed;
    },
    kill: () => managed.kill(),
    async restart() {
      await managed.kill();
      client.disconnect();
      managed = await start(port);
      client = clientOf(port, password);
    },
    async close() {
      client.disconnect();
      await managed.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A Redis, however many servers it is made of. */
export interface TestRedis {
  readonly url: string;
  /** Makes what was acknowledged look as if it might be lost, though nothing is. Absent where the server is not ours. */
  interrupt?(): Promise<void>;
  close(): Promise<void>;
}

/** The Redis that tests that need only data share with others; undefined: they start one of their own. */
export const givenRedisUrl = process.env['TEST_REDIS_URL'] === '' ? undefined : process.env['TEST_REDIS_URL'];

/** A Redis for tests that need only data. */
export async function plainRedis(): Promise<TestRedis> {
  if (givenRedisUrl !== undefined) return { url: givenRedisUrl, close: () => Promise.resolve() };
  const server = await startRedis();
  return { url: server.url, interrupt: () => server.restart(), close: () => server.close() };
}

export interface RedisCluster extends TestRedis {
  readonly nodes: readonly RedisServer[];
  slotOf(key: string): Promise<number>;
  /** The node that owns a key's slot now. */
  ownerOf(key: string): Promise<RedisServer>;
  /** The name of a node within the cluster. */
  idOf(node: RedisServer): Promise<string>;
  /** Restarts every node. */
  interrupt(): Promise<void>;
}

/** Three masters that share the slots. */
export async function startCluster(): Promise<RedisCluster> {
  const nodes = await startAll(3, async () =>
    startRedis({
      // A bus port of its own: the usual one, port + 10000, may not exist.
      config: [
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        '2000',
        '--cluster-port',
        String(await freePort()),
      ],
    }),
  );
  const [first] = nodes;
  if (!first) throw new Error('A cluster needs a node');
  for (const [i, node] of nodes.entries()) {
    const slots = [Math.floor((i * 16384) / nodes.length), Math.floor(((i + 1) * 16384) / nodes.length) - 1];
    await node.client.call('CLUSTER', 'ADDSLOTSRANGE', ...slots);
    await node.client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    const [, busPort = ''] = await node.client.config('GET', 'cluster-port');
    await first.client.call('CLUSTER', 'MEET', HOST, node.port, busPort);
  }
  const serving = async (): Promise<void> => {
    for (const node of nodes) {
      await until(async () => {
        const info = (await node.client.call('CLUSTER', 'INFO')) as string;
        const slots = (await node.client.call('CLUSTER', 'SLOTS')) as unknown[];
        return info.includes('cluster_state:ok') && slots.length === nodes.length;
      });
    }
  };
  await serving();
  const slotOf = async (key: string): Promise<number> =>
    Number(await first.client.call('CLUSTER', 'KEYSLOT', key));
  return {
    url: `redis+cluster://${nodes.map((node) => `${HOST}:${node.port}`).join(',')}`,
    nodes,
    slotOf,
    async ownerOf(key) {
      const slot = await slotOf(key);
      const ranges = (await first.client.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
      const port = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1];
      const owner = nodes.find((node) => node.port === port);
      if (!owner) throw new Error(`No node owns slot ${slot}`);
      return owner;
    },
    idOf: async (node) => String(await node.client.call('CLUSTER', 'MYID')),
    async interrupt() {
      await Promise.all(nodes.map((node) => node.restart()));
      await serving();
    },
    close: () => closeAll(nodes),
  };
}

export interface RedisSentinels extends TestRedis {
  readonly masterName: string;
  /** The first is the master at the start, the others its replicas. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly {
    readonly port: number;
    readonly process: ManagedProcess;
    readonly client: Redis;
  }[];
  /** The server that the Sentinels call the master now. */
  master(): Promise<RedisServer>;
  /** Has the Sentinels make the replica the master, the old one still living. */
  failover(): Promise<void>;
  /** Demotes the master and makes it the master again, before the Sentinels notice. */
  interrupt(): Promise<void>;
}

/** A master, a replica, and three Sentinels that fail over after half a second. */
export async function startSentinel(): Promise<RedisSentinels> {
  requireBinary('redis-sentinel');
  const masterName = 'policymaster';
  const servers = await startAll(2, () => startRedis());
  const [master, ...replicas] = servers;
  if (!master) throw new Error('Sentinels need a master');
  for (const replica of replicas) {
    await replica.client.replicaof(HOST, master.port);
    await until(async () => (await replica.client.info('replication')).includes('master_link_status:up'));
  }
  const sentinels = await startAll(3, () => startOneSentinel(masterName, master.port));
  const [asked] = sentinels;
  if (!asked) throw new Error('There must be a Sentinel');
  // Until the Sentinels know one another and the replica, they cannot fail over.
  for (const { client } of sentinels) {
    await until(async () => {
      const fields = (await client.call('SENTINEL', 'MASTER', masterName)) as string[];
      const of = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
      return of('num-slaves') === '1' && of('num-other-sentinels') === '2';
    });
  }
  const currentMaster = async (): Promise<RedisServer> => {
    const address = (await asked.client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)) as string[];
    const server = servers.find(({ port }) => String(port) === address[1]);
    if (!server) throw new Error(`The Sentinels name an unknown master ${address.join(':')}`);
    return server;
  };
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `${HOST}:${port}`).join(',')}/${masterName}`,
    masterName,
    servers,
    sentinels,
    master: currentMaster,
    async failover() {
      await asked.client.call('SENTINEL', 'FAILOVER', masterName);
    },
    async interrupt() {
      const { client } = await currentMaster();
      await client.replicaof(HOST, 1);
      await client.replicaof('NO', 'ONE');
      // So soon after a commit the store does not look for a promotion: none is so quick that data was lost.
      const promoted = await microsOf(client);
      await until(async () => (await microsOf(client)) > promoted + 10_000);
    },
    close: () => closeAll([...sentinels, ...servers]),
  };
}

interface Sentinel {
  readonly port: number;
  readonly process: ManagedProcess;
  readonly client: Redis;
  close(): Promise<void>;
}

async function startOneSentinel(masterName: string, masterPort: number): Promise<Sentinel> {
  const dir = await mkdtemp(join(tmpdir(), 'policystore-sentinel-'));
  return await startOnFreePort(async (port) => {
    const file = join(dir, 'sentinel.conf');
    await writeFile(
      file,
      [
        `port ${port}`,
        `bind ${HOST}`,
        `dir ${dir}`,
        `sentinel monitor ${masterName} ${HOST} ${masterPort} 2`,
        `sentinel down-after-milliseconds ${masterName} 500`,
        `sentinel failover-timeout ${masterName} 3000`,
      ].join('\n'),
    );
    const managed = await startProcess({
      command: 'redis-sentinel',
      args: [file],
      answers: () => ping(port),
    });
    const client = clientOf(port);
    return {
      port,
      process: managed,
      client,
      async close() {
        client.disconnect();
        await managed.kill();
        await rm(dir, { recursive: true, force: true });
      },
    };
  });
}

/** The clock of a Redis, in microseconds. */
async function microsOf(client: Redis): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1e6 + Number(micros);
}

function clientOf(port: number, password?: string): Redis {
  const client = new Redis({ ...addressOf(port, password), retryStrategy: () => 50 });
  // A server that was killed on purpose is no news.
  client.on('error', () => undefined);
  return client;
}

async function ping(port: number, password?: string): Promise<void> {
  const client = new Redis({ ...addressOf(port, password), lazyConnect: true, retryStrategy: null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

function addressOf(
  port: number,
  password?: string,
): Pick<RedisOptions, 'host' | 'port' | 'protocol' | 'password'> {
  return { host: HOST, port, protocol: 2, ...(password === undefined ? {} : { password }) };
}

/** Starts all at once; if one fails, the others are closed. */
async function startAll<T extends { close(): Promise<void> }>(
  count: number,
  start: () => Promise<T>,
): Promise<T[]> {
  const started = await Promise.allSettled(Array.from({ length: count }, start));
  const running = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = started.find((each) => each.status === 'rejected');
  if (!failed) return running;
  await closeAll(running);
  throw failed.reason as Error;
}

async function closeAll(resources: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(resources.map((each) => each.close()));
}

function requireBinary(name: string): void {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, name)))) return;
  throw new Error(`These tests need ${name}. Install it: apt-get install redis-server redis-sentinel`);
}

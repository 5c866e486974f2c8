import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { postgresProgram } from '../../support/postgres-programs.js';
import { startPostgres } from '../../support/postgres.js';
import { startRedis } from '../../support/redis.js';
import { isInstalled } from './installed.js';

/** A store that the server is measured on. */
export interface Store {
  /** As in the ids of rows. */
  readonly id: string;
  readonly name: string;
  /** The command that installs it, where it is not. */
  readonly missing?: string | undefined;
  start(): Promise<RunningStore>;
}

export interface RunningStore {
  readonly url: string;
  close(): Promise<void>;
}

export const MEMORY: Store = {
  id: 'memory',
  name: 'memory',
  start: () => Promise.resolve({ url: 'memory:', close: () => Promise.resolve() }),
};

export const SQLITE: Store = {
  id: 'sqlite',
  name: 'SQLite',
  async start() {
    const dir = await mkdtemp(join(tmpdir(), 'policystore-bench-'));
    const close = (): Promise<void> => rm(dir, { recursive: true, force: true });
    return { url: `sqlite:${join(dir, 'policy.db')}`, close };
  },
};

const REDIS: Store = {
  id: 'redis',
  name: 'Redis, AOF always',
  missing: isInstalled('redis-server') ? undefined : 'apt-get install redis-server',
  start: () => startRedis({ appendonly: true, fsync: 'always' }),
};

const POSTGRES: Store = {
  id: 'postgres',
  name: 'PostgreSQL',
  missing: isPostgresInstalled() ? undefined : 'apt-get install postgresql',
  // As it is without settings: fsync and synchronous_commit are on.
  start: () => startPostgres({ config: ['shared_buffers=128MB'] }),
};

/** Stores that replicas share, set to answer a commit when it is on disk. */
export const SHARED_STORES: readonly Store[] = [REDIS, POSTGRES];

/** Its programs need not be in the PATH. */
function isPostgresInstalled(): boolean {
  try {
    postgresProgram('postgres');
    return true;
  } catch {
    return false;
  }
}

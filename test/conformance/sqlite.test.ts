import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { describeStore } from './suite.js';

const directories: string[] = [];

describeStore('sqlite', {
  async open(bounds) {
    const directory = await mkdtemp(join(tmpdir(), 'policystore-'));
    directories.push(directory);
    const store = createSqliteStore(join(directory, 'policy.db'), bounds);
    await store.connect();
    return store;
  },
  async close() {
    for (const directory of directories) await rm(directory, { recursive: true });
  },
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { replaceByCopy } from '../support/sqlite-replace.js';
import { describeStore } from './suite.js';

const directories: string[] = [];
const inDirectory = (directory = ''): string => join(directory, 'policy.db');

describeStore('sqlite', {
  async open(bounds) {
    const directory = await mkdtemp(join(tmpdir(), 'policystore-'));
    directories.push(directory);
    const store = createSqliteStore(inDirectory(directory), bounds);
    await store.connect();
    return store;
  },
  interrupt() {
    replaceByCopy(inDirectory(directories.at(-1)));
    return Promise.resolve();
  },
  async close() {
    for (const directory of directories) await rm(directory, { recursive: true });
  },
});

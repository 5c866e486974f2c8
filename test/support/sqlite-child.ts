/**
 * A process of its own on a SQLite store: `sqlite-child.ts PATH hold|write`. Says `open`, then holds the file, or
 * commits without end and says `acked REVISION ID` after each. Says `failed NAME SENT MESSAGE` at an error and ends.
 */
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { GENESIS, StoreUnavailable, type Head } from '../../server/src/store/store.js';
import { bodyOf, entry, headOf } from './store-builders.js';

export const SQLITE_CHILD = fileURLToPath(import.meta.url);
export const CHILD_NAMESPACE = 'default';

async function run(path: string, task: string): Promise<void> {
  const store = createSqliteStore(path, { maxEntries: 1_000_000, maxBytes: 1024 * 1024 * 1024 });
  await store.connect();
  say('open');
  if (task !== 'write') return;
  const known = await store.load(CHILD_NAMESPACE, { maxEntries: 0, maxBytes: 0 });
  let head: Head = known?.head ?? GENESIS;
  for (;;) {
    const next = entry(head, [['revision', String(head.revision + 1)]], bodyOf(1000));
    const outcome = await store.commit(CHILD_NAMESPACE, head, [next]);
    if (outcome.kind !== 'committed') throw new Error('a conflict with nobody else there');
    head = headOf(next);
    say(`acked ${String(head.revision)} ${head.id}`);
  }
}

/** Synchronously, so that what was said was said even if the process is killed in the next instant. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const [script, path, task] = process.argv.slice(1);
if (script === SQLITE_CHILD && path !== undefined && task !== undefined) {
  run(path, task).catch((error: unknown) => {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    say(`failed ${name} ${String(error instanceof StoreUnavailable && error.sent)} ${message}`);
    process.exit(1);
  });
}

import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';

import Libsql from 'libsql';

/**
 * Makes a complete copy of a database that nobody writes just now, be it open or not: one file, what is in its
 * write-ahead log included.
 */
export function copyDatabase(path: string, copy: string): void {
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  }
  const file = new Libsql(copy);
  file.exec('PRAGMA journal_mode = DELETE');
  file.close();
  for (const suffix of ['-wal', '-shm']) rmSync(copy + suffix, { force: true });
}

/** Puts a copy of it in the database's place, as somebody who restores a backup does. */
export function replaceByCopy(path: string): void {
  copyDatabase(path, `${path}.copy`);
  renameSync(`${path}.copy`, path);
}

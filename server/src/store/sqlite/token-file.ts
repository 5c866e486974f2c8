import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs';
import { dirname } from 'node:path';

import type Libsql from 'libsql';

/**
 * Tells a file from every other on its file system, also from its copies. It stays over restarts and renames, and
 * knows nothing of the device, whose number may change when the system starts.
 */
export function identityOf({ ino, birthtimeNs }: BigIntStats): string {
  return `${String(ino)}:${String(birthtimeNs)}`;
}

/**
 * Gives what is the newest in the database a new token, and says so in the file beside it; gives the token. Called at
 * each open and each clean close by whoever has the database for itself; `identity` is the database's.
 *
 * A namespace is newest if the file beside names its token, and the token names this database. All else was put here
 * from another time or place (a copy over it keeps its identity, but not its token), keeps the token that it has, and
 * is thereby interrupted. Without a file beside it only what an older program wrote is newest, whose token is the bare
 * identity. Both tokens count while the database is changed, so that a crash at any point is no interruption.
 *
 * Not noticed: a copy made while the database was in use, and copied back over it after just that use ended by a
 * crash, for then there was no close to renew the token.
 */
export function renewToken(db: Libsql.Database, path: string, identity: string): string {
  const named = readTokens(path) ?? [identity];
  const found = db.prepare('SELECT DISTINCT file FROM heads').raw().all() as [string][];
  const newest = found
    .map(([token]) => token)
    .filter((token) => named.includes(token) && token.startsWith(identity));
  const token = `${identity}:${randomUUID()}`;
  writeTokens(path, [...newest, token]);
  const replace = db.prepare<[string, string]>('UPDATE heads SET file = ? WHERE file = ?');
  for (const old of newest) replace.run(token, old);
  writeTokens(path, [token]);
  return token;
}

const tokenFileOf = (path: string): string => `${path}-token`;

/** The tokens that the file beside `path` names, if there is one; none if it is a copy itself. */
function readTokens(path: string): string[] | undefined {
  const file = tokenFileOf(path);
  if (!existsSync(file)) return undefined;
  // What may not be written would otherwise be replaced.
  accessSync(file, constants.R_OK | constants.W_OK);
  const [own, ...tokens] = readFileSync(file, 'utf8').split('\n');
  return own === identityOf(statSync(file, { bigint: true })) ? tokens : [];
}

/** Replaces the file beside `path`; it is on the disk when this returns, with the mode and owner of `path`. */
export function writeTokens(path: string, tokens: readonly string[]): void {
  const file = tokenFileOf(path);
  const { mode, uid, gid } = statSync(path);
  const draft = openSync(`${file}.new`, 'w', 0o600);
  try {
    writeFileSync(draft, [identityOf(fstatSync(draft, { bigint: true })), ...tokens].join('\n'));
    if (process.getuid?.() === 0) fchownSync(draft, uid, gid);
    fchmodSync(draft, mode & 0o777);
    fsyncSync(draft);
  } finally {
    closeSync(draft);
  }
  renameSync(`${file}.new`, file);
  syncDirectory(dirname(file));
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

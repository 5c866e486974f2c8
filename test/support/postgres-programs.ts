import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import type { SystemUser } from './process.js';

/** Where packages put the programs, which Debian's keep out of the PATH: a folder for each version. */
const INSTALLED = '/usr/lib/postgresql';

/** The path of a program of PostgreSQL; all are of the same version. */
export function postgresProgram(name: string): string {
  return join(folderOfPrograms(), name);
}

/** Runs a program as the user that servers run as; resolves with what it wrote to stdout. */
export async function runPostgresTool(name: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(postgresProgram(name), args, {
    cwd: tmpdir(),
    maxBuffer: Infinity,
    ...postgresUser(),
  });
  return stdout;
}

/** The user that servers run as, for they refuse to run as root. Undefined: the one that runs the tests. */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: '-u' | '-g'): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function folderOfPrograms(): string {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'initdb'));
  // Beside a link to one program, as in /usr/local/bin, the others need not be.
  const linked = inPath.filter((path) => existsSync(path)).map((path) => dirname(realpathSync(path)));
  const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).map(Number) : [];
  const installed = versions.sort((a, b) => b - a).map((version) => join(INSTALLED, String(version), 'bin'));
  const folder = [...linked, ...installed].find((each) => existsSync(join(each, 'postgres')));
  if (folder === undefined) {
    throw new Error('These tests need a PostgreSQL server. Install it: apt-get install postgresql');
  }
  return folder;
}

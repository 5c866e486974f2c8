import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const QUIETLY = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];

/** What `npm pack` made. */
export interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/**
 * Packs packages of this repository and installs them in a project, as who has only the packages would.
 * @param project A directory with a package.json.
 * @param names Folders below `clients`.
 */
export async function installPacked(project: string, names: readonly string[]): Promise<Packed[]> {
  const npm = async (...args: string[]): Promise<string> =>
    (await run('npm', [...args, ...QUIETLY], { cwd: project })).stdout;
  const packed: Packed[] = [];
  for (const name of names) {
    const path = fileURLToPath(new URL(`../../clients/${name}`, import.meta.url));
    packed.push(...(JSON.parse(await npm('pack', path, '--json')) as Packed[]));
  }
  await npm('install', '--prefer-offline', ...packed.map(({ filename }) => join(project, filename)));
  return packed;
}

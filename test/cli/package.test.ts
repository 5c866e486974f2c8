import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { startServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const run = promisify(execFile);
const CLIENTS = ['typescript', 'cli'].map((name) =>
  fileURLToPath(new URL(`../../clients/${name}`, import.meta.url)),
);

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

describe('the package of policyctl', function () {
  this.timeout(180_000);
  const keep = closeAfterEach();
  const project = temporaryDirectory();

  function npm(...args: string[]): Promise<{ stdout: string }> {
    const quietly = [
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--no-update-notifier',
      '--loglevel=error',
    ];
    return run('npm', [...args, ...quietly], { cwd: project.path });
  }

  it('installs with that of the client in an empty project, and runs', async () => {
    const server = keep(await startServer(), (it) => it.close());
    writeFileSync(join(project.path, 'package.json'), '{ "name": "empty", "version": "1.0.0" }');
    const packed: Packed[] = [];
    for (const path of CLIENTS)
      packed.push(...(JSON.parse((await npm('pack', path, '--json')).stdout) as Packed[]));
    await npm('install', '--prefer-offline', ...packed.map(({ filename }) => join(project.path, filename)));

    const shipped = packed[1]!.files.map(({ path }) => path);
    const others = shipped.filter((path) => !/^dist\/.*\.(js|d\.ts|js\.map)$/.test(path));
    expect(['bin/policyctl.js', 'package.json', 'README.md', 'LICENSE']).to.include.members(others);
    const policyctl = join(project.path, 'node_modules/.bin/policyctl');
    expect((await run(policyctl, ['--help'])).stdout).to.include('Exit codes');
    const { stdout } = await run(policyctl, ['get', 'max_positions', '--addr', server.address]);
    expect(stdout).to.equal('5\n');
  });
});

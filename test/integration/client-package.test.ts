import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect } from 'chai';
import ts from 'typescript';

import { closeAfterEach } from '../support/closing.js';
import { installPacked } from '../support/npm-project.js';
import { startServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const run = promisify(execFile);
const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

const PROGRAM = `
import {
  authorizeTrade, type Decision, Executor, formatVersion, type PatchInput, PolicyClient, type PolicyView, type Receipt,
} from '@policystore/client';
import { GetRequest, PolicyServiceService } from '@policystore/client/proto';

const open: PatchInput = { allowedStrategies: ['trend'], allowedSymbols: ['BTCUSDT'] };
await using client = new PolicyClient({ addresses: process.argv[2], name: 'executor' });
const live = client.live();
const view: PolicyView = await live.ready();
const { version, receipt } = await client.patch(open, { waitApplied: {} });
const applied: Receipt | undefined = receipt;
const entry = {
  strategy: 'trend', symbol: 'BTCUSDT', confidence: 1, riskPerTrade: 0.001, openPositions: 0,
};
const decision: Decision = authorizeTrade(live.current, { kind: 'entry', ...entry });
const wire: GetRequest = GetRequest.create({ namespace: 'default' });
// @ts-expect-error: the types are known, not any
const wrong: number = formatVersion(version);
console.log(JSON.stringify({
  first: view.version.revision,
  allowed: decision.allowed,
  on: decision.version.revision - version.revision,
  appliedEverywhere: applied?.appliedEverywhere,
  method: PolicyServiceService.get.path,
  request: GetRequest.encode(wire).finish().length,
  components: typeof Executor,
}));
`;

const TSCONFIG = {
  compilerOptions: {
    ...{ module: 'NodeNext', target: 'ES2022', lib: ['ES2023', 'ESNext.Disposable'], types: ['node'] },
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
  },
  files: ['program.ts'],
};

describe('the package of the client', function () {
  this.timeout(180_000);
  const keep = closeAfterEach();
  const project = temporaryDirectory();

  function write(name: string, content: unknown): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(project.path, name), text);
  }

  it('installs alone in an empty project, where its types resolve and a program runs', async () => {
    const server = keep(await startServer(), (it) => it.close());
    write('package.json', { name: 'empty', version: '1.0.0', private: true, type: 'module' });
    write('tsconfig.json', TSCONFIG);
    write('program.ts', PROGRAM);

    const [packed] = await installPacked(project.path, ['typescript']);
    const { files } = packed!;

    const others = files.filter(({ path }) => !/^dist\/.*\.(js|d\.ts|js\.map)$/.test(path));
    expect(['package.json', 'README.md', 'LICENSE']).to.include.members(others.map(({ path }) => path));
    const modules = join(project.path, 'node_modules');
    expect(readdirSync(join(modules, '@policystore'))).to.deep.equal(['client']);
    const { dependencies } = JSON.parse(
      readFileSync(join(modules, '@policystore/client/package.json'), 'utf8'),
    ) as { dependencies: Record<string, string> };
    expect(dependencies).to.have.all.keys('@bufbuild/protobuf', '@grpc/grpc-js');
    const compiled = files.filter(({ path }) => /\.(js|d\.ts)$/.test(path));
    const imported = compiled.flatMap(({ path }) => importedBy(join(modules, '@policystore/client', path)));
    expect([...new Set(imported)]).to.have.members(Object.keys(dependencies));
    await run(process.execPath, [TSC, '--project', project.path]);
    const { stdout } = await run(process.execPath, [join(project.path, 'program.js'), server.address]);
    expect(JSON.parse(stdout)).to.deep.equal({
      ...{ first: 1, allowed: true, on: 0, appliedEverywhere: true },
      ...{ method: '/quantumtrader.policy.v1.PolicyService/Get', request: 9, components: 'function' },
    });
  });
});

/** The packages that a file imports, with code or types: what is there only because others need it counts too. */
function importedBy(file: string): string[] {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(file, 'utf8'));
  return [...importedFiles, ...typeReferenceDirectives]
    .map(({ fileName }) => fileName)
    .filter((name) => !name.startsWith('.') && !isBuiltin(name))
    .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
}

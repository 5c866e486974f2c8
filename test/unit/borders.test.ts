import { expect } from 'chai';
import { ESLint } from 'eslint';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const root = fileURLToPath(new URL('../..', import.meta.url));

// Borders read only the import itself, so the files need not exist and no types are worked out.
const withoutTypes = [
  tseslint.configs.disableTypeChecked,
  { languageOptions: { parserOptions: { projectService: false } } },
];
const eslint = new ESLint({ cwd: root, overrideConfig: withoutTypes });

const BORDER_RULES = [
  'import-x/no-restricted-paths',
  'import-x/no-extraneous-dependencies',
  'no-restricted-imports',
  'no-restricted-syntax',
];

/** The border rules that `code` breaks as the content of `file`. */
async function crossed(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}${file}` });
  const rules = result!.messages.map((message) => message.ruleId ?? message.message);
  expect(BORDER_RULES).to.include.members(rules);
  return rules;
}

const PATHS = 'import-x/no-restricted-paths';
const PACKAGES = 'no-restricted-imports';

const forbidden: [file: string, code: string, rule: string][] = [
  ['server/src/domain/x.ts', `export * from '../engine/types.js';`, PATHS],
  ['server/src/domain/x.ts', `export type { Head } from '../store/store.js';`, PATHS],
  ['server/src/domain/x.ts', `export * from '../errors.js';`, PATHS],
  ['server/src/domain/deeper/x.ts', `export * from '../../errors.js';`, PATHS],
  ['server/src/domain/x.ts', `export * from '@grpc/grpc-js';`, PACKAGES],
  ['server/src/domain/x.ts', `export * from 'ioredis';`, PACKAGES],
  ['server/src/domain/x.ts', `export * from 'libsql';`, PACKAGES],
  ['server/src/domain/x.ts', `export * from 'pino';`, PACKAGES],
  ['server/src/domain/x.ts', `export * from 'node:fs';`, PACKAGES],
  ['server/src/domain/x.ts', `export * from '@policystore/client';`, PACKAGES],
  ['server/src/domain/x.ts', `await import('node:fs');`, 'no-restricted-syntax'],

  ['server/src/store/redis/x.ts', `export * from '../../engine/types.js';`, PATHS],
  ['server/src/store/redis/x.ts', `export * from '../../domain/policy.js';`, PATHS],
  ['server/src/store/redis/x.ts', `export * from '../../errors.js';`, PATHS],
  ['server/src/store/redis/x.ts', `export * from '@grpc/grpc-js';`, PACKAGES],

  ['server/src/engine/x.ts', `export * from '../store/memory/memory-store.js';`, PATHS],
  ['server/src/engine/x.ts', `export * from '../grpc/error-status.js';`, PATHS],
  ['server/src/engine/x.ts', `export type { status } from '@grpc/grpc-js';`, PACKAGES],
  ['server/src/engine/x.ts', `export * from 'ioredis';`, PACKAGES],
  ['server/src/engine/x.ts', `export * from 'pg';`, PACKAGES],
  ['server/src/engine/x.ts', `export * from 'prom-client';`, PACKAGES],
  ['server/src/engine/x.ts', `export * from '../metrics/metrics.js';`, PATHS],

  ['server/src/grpc/x.ts', `export * from '../store/store.js';`, PATHS],
  ['server/src/grpc/x.ts', `export * from 'prom-client';`, PACKAGES],
  ['server/src/metrics/x.ts', `export * from '../grpc/calls.js';`, PATHS],
  ['server/src/grpc/x.ts', `export * from '../store/memory/memory-store.js';`, PATHS],
  ['server/src/grpc/x.ts', `export * from 'libsql';`, PACKAGES],
  ['server/src/grpc/x.ts', `export * from 'pg';`, PACKAGES],

  ['server/src/auth/x.ts', `export * from '../grpc/identity.js';`, PATHS],
  ['server/src/auth/x.ts', `export * from '../engine/engine.js';`, PATHS],
  ['server/src/auth/x.ts', `export * from '@grpc/grpc-js';`, PACKAGES],
  ['server/src/tls/x.ts', `export * from '../auth/authenticator.js';`, PATHS],

  ['server/src/main.ts', `export * from './store/memory/memory-store.js';`, PATHS],
  ['server/src/config/x.ts', `export * from '../store/memory/memory-store.js';`, PATHS],

  ['clients/typescript/src/x.ts', `export * from '../../../server/src/errors.js';`, PATHS],
  ['clients/typescript/src/x.ts', `export * from '@policystore/server';`, PACKAGES],
  ['clients/typescript/src/x.ts', `export * from 'ioredis';`, 'import-x/no-extraneous-dependencies'],
];

const allowed: [file: string, code: string][] = [
  ['server/src/domain/x.ts', `export * from './policy.js'; export * from '@policystore/client/proto';`],
  ['server/src/domain/x.ts', `export * from 'ajv'; export * from 'yaml';`],
  ['server/src/store/redis/x.ts', `export * from '../store.js'; export * from 'ioredis';`],
  ['server/src/store/redis/x.ts', `export * from '../../redact-url.js'; export * from '../../clock.js';`],
  ['server/src/engine/x.ts', `export * from '../domain/policy.js'; export * from '../store/store.js';`],
  ['server/src/engine/x.ts', `export * from '../errors.js';`],
  ['server/src/grpc/x.ts', `export * from '../engine/types.js'; export * from '@grpc/grpc-js';`],
  ['server/src/grpc/x.ts', `export * from '../auth/authenticator.js';`],
  ['server/src/auth/x.ts', `export * from '../tls/trust.js'; export * from 'jose';`],
  ['server/src/config/x.ts', `export type { LogBounds } from '../store/store.js';`],
  ['server/src/app.ts', `export * from './store/store.js'; export * from './store/memory/memory-store.js';`],
  ['clients/typescript/src/x.ts', `export * from './proto.js'; export * from '@grpc/grpc-js';`],
];

describe('the borders between the layers', () => {
  for (const [file, code, rule] of forbidden) {
    it(`refuses in ${file}: ${code}`, async () => {
      expect(await crossed(file, code)).to.deep.equal([rule]);
    });
  }

  for (const [file, code] of allowed) {
    it(`lets pass in ${file}: ${code}`, async () => {
      expect(await crossed(file, code)).to.deep.equal([]);
    });
  }

  it('refuses a cycle of imports', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'policystore-cycle-'));
    try {
      await writeFile(join(dir, 'a.ts'), `export { b as a } from './b.js';`);
      await writeFile(join(dir, 'b.ts'), `import { a } from './a.js';\nexport const b = (): unknown => a;`);
      const results = await new ESLint({
        cwd: dir,
        overrideConfigFile: `${root}eslint.config.js`,
        overrideConfig: withoutTypes,
      }).lintFiles(['.']);
      const rules = results.map((result) => result.messages.map((message) => message.ruleId));
      expect(rules).to.deep.equal([['import-x/no-cycle'], ['import-x/no-cycle']]);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('lets no comment turn a rule off', async () => {
    const code =
      '// eslint-disable-next-line eqeqeq\nexport const same = (a: number, b: number) => a == b;\n';
    const [result] = await eslint.lintText(code, { filePath: `${root}server/src/x.ts` });
    expect(result!.messages.map((message) => message.ruleId)).to.include('eqeqeq');
    expect(result!.warningCount).to.equal(1);
  });
});

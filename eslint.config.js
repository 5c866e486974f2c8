import { defineConfig } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const root = import.meta.dirname;

// Which parts of the server a layer may import. What is not listed is refused, also for types.
const SHARED = ['errors.ts', 'clock.ts'];
const LAYERS = {
  domain: [],
  store: ['clock.ts', 'redact-url.ts'],
  engine: ['domain', 'store/store.ts', ...SHARED],
  tls: ['watched-file.ts'],
  auth: ['engine/types.ts', 'tls', 'watched-file.ts', ...SHARED],
  requests: ['domain', 'engine', ...SHARED],
  grpc: ['auth', 'domain', 'engine', 'listen-error.ts', 'requests', 'tls', ...SHARED],
  http: ['auth', 'domain', 'engine', 'listen-error.ts', 'metrics', 'requests', 'tls', ...SHARED],
  metrics: ['domain', 'engine', 'requests/call-meter.ts', 'store/store.ts', ...SHARED],
};

const zones = [
  ...Object.entries(LAYERS).map(([layer, others]) => ({
    target: `./server/src/${layer}`,
    from: './server/src',
    except: [layer, ...others].map((path) => `./${path}`),
    message: `${layer}/ may import only itself${others.map((path) => `, ${path}`).join('')} (docs/architecture.md).`,
  })),
  {
    target: ['./server/src/!(app).ts', './server/src/config'],
    from: './server/src/store',
    except: ['./store.ts'],
    message: 'Only app.ts chooses a store; everything else knows the port, store/store.ts.',
  },
  {
    target: './clients',
    from: ['./server', './test'],
    message: 'The client package installs alone: it knows the contract, never the server.',
  },
];

/** Refuses packages in some files; `regex` matches what is refused. */
const noPackages = (files, regex, message) => ({
  files,
  rules: {
    'no-restricted-imports': ['error', { patterns: [{ regex, message }] }],
    'no-restricted-syntax': [
      'error',
      { selector: 'ImportExpression', message: 'A dynamic import would go around the borders.' },
    ],
  },
});

const packages = [
  noPackages(
    ['server/src/domain/**'],
    String.raw`^(?!\.|ajv(/|$)|yaml$|@policystore/client/proto$)`,
    'domain/ is pure: only ajv, yaml and the contract (@policystore/client/proto).',
  ),
  noPackages(['server/src/store/**'], '^@grpc/', 'store/ knows no gRPC.'),
  noPackages(
    ['server/src/engine/**'],
    '^(@grpc/|ioredis|libsql|pg(/|$)|prom-client)',
    'engine/ knows no transport, no database and no metrics: errors.ts has the statuses, store/store.ts the port, engine-meter.ts what is counted.',
  ),
  noPackages(
    ['server/src/auth/**', 'server/src/tls/**'],
    '^(@grpc/|ioredis|libsql|pg(/|$))',
    'auth/ and tls/ know no transport: whatever listens brings what its caller shows.',
  ),
  noPackages(
    ['server/src/grpc/**'],
    '^(ioredis|libsql|pg(/|$)|prom-client)',
    'grpc/ knows no database and no metrics: call-meter.ts is what it counts with.',
  ),
  noPackages(['clients/**'], '^@policystore/server', 'The client package installs alone.'),
];

/** What the console uses of the browser. */
const BROWSER = Object.fromEntries(
  [
    ...['window', 'document', 'location', 'performance', 'console', 'crypto', 'fetch', 'matchMedia'],
    ...['localStorage', 'sessionStorage', 'addEventListener', 'removeEventListener', 'getComputedStyle'],
    ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'requestAnimationFrame'],
    ...['cancelAnimationFrame', 'AbortController', 'AbortSignal', 'ResizeObserver', 'HTMLElement'],
    ...['TextEncoder', 'TextDecoderStream', 'URLSearchParams'],
  ].map((name) => [name, 'readonly']),
);

export default defineConfig(
  { ignores: ['**/gen/**', '**/dist/**', '**/node_modules/**', '.tools/**'] },
  {
    // No file turns a rule off for itself; what is wrong with a rule is settled here.
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    settings: {
      'import-x/extensions': ['.ts', '.js'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      eqeqeq: 'error',
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { basePath: root, zones }],
      '@typescript-eslint/ban-ts-comment': [
        'error',
        { 'ts-expect-error': true, 'ts-ignore': true, 'ts-nocheck': true },
      ],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Ports return promises; `async` alone turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // The policy's maps and structs are dictionaries.
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  {
    files: ['clients/**/*.ts', 'server/**/*.ts'],
    rules: {
      'no-console': 'error',
      'import-x/no-extraneous-dependencies': ['error', { devDependencies: false, includeTypes: true }],
    },
  },
  {
    // They tell what happens, and import the package as its users do.
    files: ['clients/typescript/examples/**'],
    rules: { 'no-console': 'off', 'import-x/no-extraneous-dependencies': 'off' },
  },
  ...packages,
  noPackages(
    ['clients/typescript/examples/**'],
    '^(?!node:|@policystore/client$)',
    'An example is what an outside user can write: only @policystore/client and what Node brings.',
  ),
  {
    // Runs in browsers as it is, without a build step.
    files: ['server/src/http/console/**/*.js'],
    plugins: { 'import-x': importX },
    languageOptions: { globals: BROWSER },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'import-x/no-cycle': 'error',
      'no-undef': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML'].map((property) => ({
          property,
          message: 'Text becomes an element only through html`…`.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // chai asserts by reading a property
      '@typescript-eslint/no-unused-expressions': 'off',
      // an unexpected undefined fails the test all the same
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);

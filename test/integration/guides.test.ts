import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PolicyClient, RiskMode } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { type Outcome, runNode } from '../support/run-node.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The snippets of a page in one language. */
function snippetsOf(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const snippets = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, found]) => found === language);
  return snippets.map(([, , snippet = '']) => snippet);
}

/** Those that are whole files: their first comment begins with the name. */
function filesOf(page: string): Map<string, string> {
  const named = snippetsOf(page, 'ts').map((snippet) => [/^\/\/ ([\w-]+\.ts)/.exec(snippet)?.[1], snippet]);
  return new Map(named.filter((entry): entry is [string, string] => entry[0] !== undefined));
}

/** What the others take for granted. */
const GIVEN = `
import { randomUUID } from 'node:crypto';
import {
  authorizeTrade, type Entry, formatVersion, type LivePolicy, MemberState, PolicyClient, PolicyStoreError,
  type PolicyView, RiskMode, View, viewOf,
} from '@policystore/client';
declare const client: PolicyClient;
declare const live: LivePolicy;
declare const entry: Entry;
declare const batch: Entry[];
declare const signals: AsyncIterable<Entry>;
declare const open: number;
declare const regimeId: string;
declare const scores: Map<string, number>;
declare const sent: Map<string, number>;
declare const oldStore: { update(some: { maxPositions: number }): void; mayEnter(entry: Entry): boolean };
declare function send(entry: Entry & { decidedOn?: string }): void;
declare function cancelResting(view: PolicyView): Promise<void>;
declare function closeTheVenue(): void;
`;

describe('the guides', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();

  /** A project of somebody else, in which the client is installed. */
  function project(files: ReadonlyMap<string, string>): void {
    symlinkSync(join(ROOT, 'node_modules'), join(directory.path, 'node_modules'));
    writeFileSync(join(directory.path, 'package.json'), '{ "type": "module" }');
    for (const [name, text] of files) writeFileSync(join(directory.path, name), text);
  }

  function runScript(name: string, settings: Record<string, string>): Promise<Outcome> {
    return runNode(['--import=tsx', name], settings, directory.path);
  }

  for (const page of ['docs/migration.md', 'docs/best-practices.md', 'docs/quick-reference-developers.md']) {
    it(`compile: ${page}`, async () => {
      const files = filesOf(page);
      const parts = snippetsOf(page, 'ts').filter((snippet) => ![...files.values()].includes(snippet));
      const inFunctions = parts.map((part, i) => `export async function part${i}() {\n${part}}\n`);
      project(files.set('parts.ts', GIVEN + inFunctions.join('\n')));
      const config = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'], references: [] };
      const compilerOptions = { noEmit: true, typeRoots: [join(ROOT, 'node_modules/@types')] };
      writeFileSync(join(directory.path, 'tsconfig.json'), JSON.stringify({ ...config, compilerOptions }));
      const { code, output } = await runNode([
        join(ROOT, 'node_modules/typescript/bin/tsc'),
        '-p',
        directory.path,
      ]);
      expect(output).to.equal('');
      expect(code).to.equal(0);
    });
  }

  it('bring a config file and lists of the environment in, and the file out again', async () => {
    const server = keep(await startBuiltServer({ POLICY_STORE: 'memory:' }), (it) => it.stop());
    const settings = { POLICY_ADDR: server.address };
    project(filesOf('docs/migration.md'));
    const config = {
      mode: 'normal',
      risk_per_trade_percent: 0.7,
      max_open_positions: 8,
      min_confidence_percent: 57,
      strategies: ['trend', 'mean-reversion'],
      symbols: { BTCUSDT: 0.91, ETHUSDT: 0.74 },
      models: { alpha: '2.1' },
    };
    const path = join(directory.path, 'trading.json');
    const write = (changes: object): void => writeFileSync(path, JSON.stringify({ ...config, ...changes }));

    write({ risk_per_trade_percent: 150, max_open_positions: 0 });
    const refused = await runScript('import.ts', settings);
    expect(refused.output).to.equal(
      'max_risk_per_trade must be above 0 and at most 1, got 1.5\nmax_positions must be between 1 and 100, got 0\n',
    );
    expect(refused.code).to.equal(1);
    write({ mode: 'calm' });
    expect((await runScript('import.ts', settings)).output).to.include('Error: mode calm?');
    write({});
    expect((await runScript('import.ts', settings)).output).to.match(/^imported: \w+:1 -> \w+:2$/m);

    const lists = { ALLOWED_SYMBOLS: 'BTCUSDT, SOLUSDT', ALLOWED_STRATEGIES: 'scalp' };
    expect((await runScript('import-lists.ts', settings)).output).to.include('ALLOWED_SYMBOLS is not set');
    expect((await runScript('import-lists.ts', { ...settings, ...lists })).code).to.equal(0);

    await using client = new PolicyClient({ addresses: server.address });
    expect((await client.get({ fresh: true })).policy).to.deep.include({
      riskMode: RiskMode.NORMAL,
      maxRiskPerTrade: 0.007,
      globalMinConfidence: 0.57,
      allowedSymbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'],
      allowedStrategies: ['trend', 'mean-reversion', 'scalp'],
    });

    await client.override({ reason: 'drawdown' });
    const exported = await runScript('export.ts', settings);
    expect(exported.output).to.include('NOT in it, though in force: circuit-breaker (drawdown)');
    expect(JSON.parse(readFileSync(path, 'utf8'))).to.deep.equal({
      ...config,
      strategies: [...config.strategies, 'scalp'],
      symbols: { ...config.symbols, SOLUSDT: 0 },
    });
  });

  it('begin with a policy file that a server takes', async () => {
    const [file = ''] = snippetsOf('docs/migration.md', 'yaml');
    const path = join(directory.path, 'policy.yaml');
    writeFileSync(path, file);
    const server = await startBuiltServer({ POLICY_STORE: 'memory:', POLICY_INITIAL: path });
    keep(server, (it) => it.stop());
    await using client = new PolicyClient({ addresses: server.address });
    expect((await client.get()).policy).to.deep.include({
      maxPositions: 8,
      allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
      modelVersions: new Map([['alpha', '2.1']]),
    });
  });
});

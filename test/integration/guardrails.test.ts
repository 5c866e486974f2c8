import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type PatchInput, PolicyClient, PolicyStoreError, RiskMode } from '@policystore/client';
import { expect } from 'chai';

import { parseGuardrails } from '../../server/src/domain/guardrails/parse-guardrails.js';
import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import type { ServerProcess } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const PAGE = readFileSync(new URL('../../docs/guardrails.md', import.meta.url), 'utf8');

interface Snippet {
  readonly language: string;
  readonly text: string;
}

const SNIPPETS: readonly Snippet[] = [...PAGE.matchAll(/^```(\w+)\n(.*?)\n^```$/gms)].map(
  ([, language = '', text = '']) => ({ language, text }),
);
const FILES = SNIPPETS.filter(({ language }) => language === 'yaml').map(({ text }) => text);

/** A patch as the page has it. */
function patchOf(text: string): PatchInput {
  const json = JSON.parse(text) as Record<string, number | string>;
  const names = { max_positions: 'maxPositions', global_min_confidence: 'globalMinConfidence' };
  const mode = RiskMode[String(json['risk_mode']).replace('RISK_MODE_', '') as keyof typeof RiskMode];
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) =>
      name === 'risk_mode' ? ['riskMode', mode] : [names[name as keyof typeof names], value],
    ),
  );
}

describe('guardrails of a server', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  const path = (): string => join(directory.path, 'guardrails.yaml');

  async function start(text: string, env: Record<string, string> = {}): Promise<ServerProcess> {
    writeFileSync(path(), text);
    const settings = { POLICY_STORE: 'memory:', POLICY_GUARDRAILS: path(), ...env };
    return keep(await startBuiltServer(settings), (it) => it.kill());
  }
  const connect = (server: ServerProcess): PolicyClient =>
    keep(new PolicyClient({ addresses: server.address }), (it) => it.close());

  /** What it was refused with; undefined: it was committed. */
  async function refusalOf(write: Promise<unknown>): Promise<PolicyStoreError | undefined> {
    try {
      await write;
      return undefined;
    } catch (error) {
      if (!(error instanceof PolicyStoreError)) throw error;
      return error;
    }
  }

  it('answer what the page about them says', async () => {
    const [file = '', others = '', broken = ''] = FILES;
    expect(FILES).to.have.lengthOf(3);
    const server = await start(file);
    const client = connect(server);
    let patches = 0;
    for (const [i, { language, text }] of SNIPPETS.entries()) {
      if (language !== 'json') continue;
      patches += 1;
      const next = SNIPPETS[i + 1];
      const expected = next?.language === 'text' ? next.text : undefined;
      for (const validateOnly of [true, false]) {
        const refusal = await refusalOf(client.patch(patchOf(text), { validateOnly }));
        expect(refusal?.message, text).to.equal(expected);
        if (refusal === undefined) continue;
        expect(refusal).to.include({ code: 'FAILED_PRECONDITION', reason: 'GUARDRAIL_VIOLATED' });
        expect(refusal.violations).to.not.be.empty;
        expect(refusal.retryAfterMs).to.equal(undefined);
      }
    }
    expect(patches).to.be.above(5);
    expect(parseGuardrails(others, 'page', ['default', 'live']).rules).to.have.lengthOf(3);
    writeFileSync(path(), broken);
    const told = SNIPPETS.at(-1)!.text.replace('guardrails.yaml', path());
    await until(async () => server.output.includes(JSON.stringify(told).slice(1, -1)));
  });

  it('hold from the next write on when the file has changed, and stay when it is broken', async () => {
    const rule = (most: number): string =>
      `rules: [{ name: book, schema: { properties: { max_positions: { maximum: ${most} } } } }]`;
    const server = await start(rule(9));
    const client = connect(server);
    expect(server.output).to.include('guardrails in force: book');
    expect(await refusalOf(client.patch({ maxPositions: 10 }))).to.include({ reason: 'GUARDRAIL_VIOLATED' });

    const beside = join(directory.path, 'next');
    writeFileSync(beside, rule(10));
    renameSync(beside, path());
    await until(async () => server.output.includes('guardrails changed'));
    expect(await refusalOf(client.patch({ maxPositions: 10 }))).to.equal(undefined);

    writeFileSync(path(), rule(100).slice(0, -9));
    await until(async () => server.output.includes('guardrails NOT changed'));
    expect(await refusalOf(client.patch({ maxPositions: 11 }))).to.include({ reason: 'GUARDRAIL_VIOLATED' });

    writeFileSync(path(), 'rules: []');
    await until(async () => server.output.split('guardrails changed').length === 3);
    expect(await refusalOf(client.patch({ maxPositions: 11 }))).to.equal(undefined);
  });

  it('that are wrong stop the start, and say where', async () => {
    const failed = await start('rules:\n  - name: a\n    per_hour: 1').then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(failed).to.include('ended with 2');
    expect(failed).to.include('POLICY_GUARDRAILS (--guardrails)');
    expect(failed).to.include('guardrails.yaml, line 2: rules[0] must have either a schema, or a field');
  });
});

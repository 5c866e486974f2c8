import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { GetRequest, PolicyServiceService as methods } from '@policystore/client/proto';
import { expect } from 'chai';

import { createToken, hashToken } from '../../server/src/auth/token.js';
import { tokenLine } from '../../server/src/auth/token-file.js';
import { closeAfterEach } from '../support/closing.js';
import { freePort } from '../support/process.js';
import { runNode } from '../support/run-node.js';
import { keepSecret } from '../support/secrets.js';
import { bearer } from '../support/secured.js';
import { ask, startServer, type TestServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const PROGRAM = new URL('../../clients/cli/src/main.ts', import.meta.url).pathname;

/** As `policyctl rest-check …` in a shell of its own. */
const check = (args: readonly string[], settings: Readonly<Record<string, string>> = {}) =>
  runNode(['--import=tsx', PROGRAM, 'rest-check', ...args], settings);

describe('policyctl rest-check', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  async function start(...flags: string[]): Promise<TestServer> {
    return keep(await startServer({ flags }), (each) => each.close());
  }

  const policyOf = async ({ client }: TestServer, headers = {}) =>
    (await ask(client, methods.get, GetRequest.create(), headers)).policy;

  it('finds nothing wrong with our server, and changes nothing', async () => {
    const server = await start();
    const before = await policyOf(server);
    const { code, output } = await check([], { POLICY_HTTP_ADDR: server.httpAddress });
    expect(code, output).to.equal(0);
    expect(output).to.match(/^ok {6}GET \/api\/policy\/status/m);
    expect(output).to.not.match(/FAILED|denied/);
    expect(output).to.match(/^(\d+) checks: \1 ok, 0 failed$/m);
    expect(await policyOf(server)).to.deep.equal(before);
  });

  it('takes back what it writes', async () => {
    const server = await start('--namespaces', 'default,paper');
    const before = await policyOf(server);
    const { code, output } = await check([
      ...['--url', `http://${server.httpAddress}`, '--write', '--namespace', 'paper'],
    ]);
    expect(code, output).to.equal(0);
    expect(output).to.match(/^ok {6}PATCH \/api\/policy merges deeply/m);
    expect(await policyOf(server)).to.deep.equal(before);
    const request = { ...GetRequest.create(), namespace: 'paper' };
    const { policy, version } = await ask(server.client, methods.get, request);
    expect([policy?.customParams, policy?.overrides]).to.deep.equal([{}, []]);
    expect(version?.revision).to.be.above(1);
  });

  it('says what its caller may not try, which is no fault', async () => {
    const token = keepSecret(createToken());
    const files = ['tokens', 'access.yaml', 'token'].map((name) => join(directory.path, name));
    const [tokens = '', access = '', file = ''] = files;
    writeFileSync(tokens, tokenLine({ hash: hashToken(token), name: 'onlooker', expiresAt: undefined }));
    writeFileSync(access, 'identities: { onlooker: { roles: [writer] } }');
    writeFileSync(file, `${token}\n`);
    const server = await start('--tokens', tokens, '--access', access);
    const before = await policyOf(server, bearer(token));
    const settings = { POLICY_HTTP_ADDR: server.httpAddress };
    const { code, output } = await check(['--write', '--token-file', file], settings);
    expect(code, output).to.equal(0);
    expect(output).to.match(/^denied {2}GET \/api\/policy\/history/m);
    expect(output).to.match(/^denied {2}POST \/api\/policy\/overrides/m);
    expect(output).to.not.include(token);
    const after = await policyOf(server, bearer(token));
    expect(after?.customParams).to.deep.equal(before?.customParams);

    const without = await check([], settings);
    expect(without.code).to.equal(1);
    expect(without.output).to.match(/got {7}401/);
    const wrong = await check([], { ...settings, POLICY_TOKEN: token.toUpperCase() });
    expect(wrong.code).to.equal(1);
    expect(wrong.output).to.include('-H "Authorization: Bearer $POLICY_TOKEN"');
    expect(wrong.output).to.not.include(token.toUpperCase());
  });

  it('says of a server that does it otherwise what is wrong, and how to see it again', async () => {
    const url = await startOther();
    const { code, output } = await check(['--url', url]);
    expect(code).to.equal(1);
    expect(output).to.include(
      [
        'FAILED  GET /api/policy/allowed_symbols answers the symbols and how many they are',
        '        request   GET /api/policy/allowed_symbols',
        '        expected  count: 2',
        '        got       3',
        `        again     curl -sS -i -H 'x-policy-client: rest-check' '${url}/api/policy/allowed_symbols'`,
      ].join('\n'),
    );
    expect(output).to.match(/expected {2}timestamp: a time in UTC without suffix\n +got {7}"[^"]+Z"/);
    expect(output).to.match(
      /expected {2}body: exactly the keys policy, timestamp\n +got {7}no policy, timestamp; also risk/,
    );
    expect(output).to.match(/expected {2}status: 200\n +got {7}500 "it broke"/);
    expect(output).to.match(/^\d+ checks: \d+ ok, \d+ failed$/m);
  });

  it('prints one JSON document for programs', async () => {
    const url = await startOther();
    const { code, output } = await check(['--json', '--url', url]);
    expect(code).to.equal(1);
    const document = JSON.parse(output.slice(output.indexOf('{'))) as {
      checks: number;
      failed: number;
      outcomes: Record<string, string>[];
    };
    expect(document.outcomes).to.have.length(document.checks);
    expect(document.failed).to.be.above(3);
    const wrong = document.outcomes.find(({ request }) => request === 'GET /api/policy/allowed_symbols');
    expect(wrong).to.deep.include({ result: 'failed', at: 'count', expected: '2', got: '3' });
    expect(wrong?.['curl']).to.match(/^curl /);
  });

  it('says that nobody answers, or that there is no policy yet', async () => {
    const nobody = await check(['--url', `http://127.0.0.1:${await freePort()}`]);
    expect(nobody.code).to.equal(5);
    expect(nobody.output).to.match(/does not answer: .*ECONNREFUSED/);
    const store = `redis://127.0.0.1:${await freePort()}`;
    const server = keep(await startServer({ store, ready: false }), (each) => each.close());
    const { code, output } = await check([], { POLICY_HTTP_ADDR: server.httpAddress });
    expect(code).to.equal(5);
    expect(output).to.include('not ready');
  });

  it('refuses what makes no sense', async () => {
    const file = join(directory.path, 'token');
    writeFileSync(file, 'secret');
    const wrong = [
      ['--url', 'ftp://127.0.0.1'],
      ['--url', 'http://127.0.0.1:8000/api'],
      ['--url', '127.0.0.1'],
      ['--token-file', join(directory.path, 'nowhere')],
      ['--url', 'http://policy.example', '--token-file', file],
      ['--wrong'],
    ];
    const elsewhere = await runNode(['--import=tsx', PROGRAM, '--profile', 'live', 'rest-check']);
    expect(elsewhere.code, elsewhere.output).to.equal(2);
    expect(elsewhere.output).to.include('--url and --token-file');
    for (const args of wrong) {
      const { code, output } = await check(args);
      expect(code, `${args.join(' ')}: ${output}`).to.equal(2);
      expect(output).to.match(/^error: /m);
    }
  });

  /** Nearly right, as a port may be at first. */
  async function startOther(): Promise<string> {
    const server = createServer((request, response) => {
      const timestamp = '2026-01-01T00:00:00Z';
      const bodies: Record<string, unknown> = {
        '/api/policy/allowed_symbols': {
          allowed_symbols: ['A', 'B'],
          count: 3,
          timestamp: timestamp.replace('Z', ''),
        },
        '/api/policy/risk_mode': { risk_mode: 'NORMAL', timestamp },
        '/api/policy': { risk: 'NORMAL' },
        '/healthz': {},
        '/readyz': {},
      };
      const body = bodies[request.url ?? ''];
      response.setHeader('x-policy-valid-for-ms', '10000');
      response.statusCode = body === undefined ? 500 : 200;
      response.end(body === undefined ? 'it broke' : JSON.stringify(body));
    });
    keep(server, closeServer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
});

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

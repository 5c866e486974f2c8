import { GetRequest, PatchRequest, PolicyPatch, PolicyServiceService } from '@policystore/client/proto';
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createToken, hashToken } from '../../server/src/auth/token.js';
import { tokenLine } from '../../server/src/auth/token-file.js';
import { closeAfterEach } from '../support/closing.js';
import { Scrape } from '../support/scrape.js';
import { keepSecret } from '../support/secrets.js';
import { ask, failure, startServer, type TestServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const { get, patch } = PolicyServiceService;

const ACCESS = `
roles:
  scraper: { metrics: true }
identities:
  prometheus: { roles: [scraper] }
  executor: { roles: [executor] }
`;

describe('a server that asks who calls', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  async function start(): Promise<{ server: TestServer; as: (name: string) => Record<string, string> }> {
    const tokens = new Map(['prometheus', 'executor'].map((name) => [name, keepSecret(createToken())]));
    const files = { tokens: join(directory.path, 'tokens'), access: join(directory.path, 'access.yaml') };
    const lines = Array.from(tokens, ([name, token]) =>
      tokenLine({ hash: hashToken(token), name, expiresAt: undefined }),
    );
    writeFileSync(files.tokens, `${lines.join('\n')}\n`);
    writeFileSync(files.access, ACCESS);
    const flags = ['--tokens', files.tokens, '--access', files.access];
    const server = keep(await startServer({ flags }), (each) => each.close());
    return { server, as: (name) => ({ authorization: `Bearer ${tokens.get(name) ?? ''}` }) };
  }

  it('gives its metrics to those who have the right for them alone', async () => {
    const { server, as } = await start();
    const page = async (headers: Record<string, string>): Promise<Response> =>
      fetch(`http://${server.httpAddress}/metrics`, { headers });
    const given = await page(as('prometheus'));
    expect(given.status).to.equal(200);
    expect(given.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    expect(await given.text()).to.include('# TYPE policy_calls_total counter');
    expect((await page(as('executor'))).status).to.equal(403);
    expect((await page({})).status).to.equal(401);
    await failure(ask(server.client, get, GetRequest.create(), as('prometheus')));
  });

  it('counts whom it refuses, by call and namespace', async () => {
    const { server, as } = await start();
    const request = { ...PatchRequest.create(), patch: { ...PolicyPatch.create(), maxPositions: 3 } };
    await failure(ask(server.client, patch, request, as('executor')));
    await failure(ask(server.client, patch, request));
    for (const namespace of ['no-such', 'nor-that']) {
      await failure(ask(server.client, get, { ...GetRequest.create(), namespace }, as('prometheus')));
    }
    const page = await fetch(`http://${server.httpAddress}/metrics`, { headers: as('prometheus') });
    const shown = new Scrape(await page.text());
    const denied = (method: string, namespace: string, reason: string): number | undefined =>
      shown.value('policy_denials_total', { transport: 'grpc', method, namespace, reason });
    expect(denied('Patch', 'default', 'PERMISSION_DENIED')).to.equal(1);
    expect(denied('Patch', '', 'UNAUTHENTICATED')).to.equal(1);
    expect(denied('Get', 'other', 'PERMISSION_DENIED')).to.equal(2);
  });
});

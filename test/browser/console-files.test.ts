import { expect } from 'chai';

import { closeAfterAll } from '../support/closing.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the files of the console', () => {
  const keep = closeAfterAll();
  let server: TestServer;

  before(async () => {
    server = keep(await startServer(), (started) => started.close());
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://${server.httpAddress}${path}`, { headers });

  it('come without a credential, under a policy that lets nothing in but themselves', async () => {
    const page = await get('/');

    expect(page.status).to.equal(200);
    expect(page.headers.get('content-type')).to.equal('text/html; charset=utf-8');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).to.include("default-src 'none'").and.include("frame-ancestors 'none'");
    expect(policy).not.to.match(/unsafe|data:|\*|http/);
    expect(page.headers.get('x-content-type-options')).to.equal('nosniff');
  });

  it('have nothing inline, and load nothing from elsewhere', async () => {
    const html = await (await get('/')).text();

    expect(html).not.to.match(/<style|style=|<script(?![^>]* src=)|\son\w+=|https?:/);
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(paths).to.have.length.above(5);
    for (const path of paths) expect((await get(path)).status, path).to.equal(200);
  });

  for (const [path, type] of [
    ['/console/app.js', 'text/javascript; charset=utf-8'],
    ['/console/vendor/preact.js', 'text/javascript; charset=utf-8'],
    ['/console/vendor/uplot.js', 'text/javascript; charset=utf-8'],
    ['/console/vendor/uplot.css', 'text/css; charset=utf-8'],
    ['/console/styles/tokens.css', 'text/css; charset=utf-8'],
    ['/console/icon.svg', 'image/svg+xml'],
  ] as const) {
    it(`are asked for again each time, and sent only when they changed: ${path}`, async () => {
      const first = await get(path);
      expect(first.headers.get('content-type')).to.equal(type);
      expect(first.headers.get('cache-control')).to.equal('no-cache');
      const etag = first.headers.get('etag') ?? '';
      expect(etag).to.match(/^"[\w-]{22}"$/);

      const again = await get(path, { 'If-None-Match': etag });

      expect(again.status).to.equal(304);
      expect(await again.text()).to.equal('');
      expect((await get(path, { 'If-None-Match': '"other"' })).status).to.equal(200);
    });
  }

  it('are only those: what lies beside them cannot be reached', async () => {
    for (const path of [
      '/console/',
      '/console/../console.ts',
      '/console/%2e%2e/console.ts',
      '/console/nothing.js',
    ]) {
      expect((await get(path)).status, path).to.equal(404);
    }
  });
});

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { requestOptions } from './support/call.js';
import { type Rest, startRest } from './support/rest.js';

const CHANGES = 300;

describe('REST watching, where the reader is slow', () => {
  const keep = closeAfterAll();
  let rest: Rest;

  before(async () => {
    rest = keep(await startRest(), (each) => each.close());
    const rankings = Array.from({ length: 10_000 }, (_, i) => [`SYMBOL-${i}-${'x'.repeat(40)}`, 0.5]);
    const json = { opp_rankings: Object.fromEntries(rankings) as unknown };
    expect((await rest.call('PATCH /api/policy', { json })).status).to.equal(200);
  });

  for (const delivery of ['snapshots', 'patches']) {
    it(`keeps little for it, and brings it to the newest policy: ${delivery}`, async () => {
      const path = `/api/policy/watch?delivery=${delivery}&heartbeat_ms=60000`;
      const sent = request(requestOptions(rest.address, `GET ${path}`, {})).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      keep(response, (each) => each.destroy());
      // It reads nothing while all of this happens.
      for (let i = 0; i < CHANGES; i += 1) {
        const json = { custom_params: { note: `${i} ${'y'.repeat(20_000)}` } };
        expect((await rest.call('PATCH /api/policy', { json })).status).to.equal(200);
      }
      const newest = await rest.version();
      let text = '';
      response.setEncoding('utf8');
      for await (const chunk of response) {
        text += String(chunk);
        if (text.includes(`id: ${newest}`) && text.endsWith('\n\n')) break;
      }
      const ids = [...text.matchAll(/^id: ?[^:]+:(\d+)$/gm)].map(([, revision]) => Number(revision));
      expect(ids).to.deep.equal([...ids].sort((a, b) => a - b));
      // Kept are what the sockets hold and the bounded backlog, not all that happened.
      if (delivery === 'snapshots') expect(ids.length).to.be.below(CHANGES / 2);
    }).timeout(120_000);
  }
});

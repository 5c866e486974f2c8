import { expect } from 'chai';

import { closeAfterEach } from '../../support/closing.js';
import { bearer, secure, type Secured } from '../../support/secured.js';
import type { TestServer } from '../../support/server.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { callerOf } from './support/call.js';
import { expectDetail } from './support/shapes.js';

describe('REST over TLS', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let secured: Secured;
  let server: TestServer;

  beforeEach(async () => {
    secured = await secure(directory.path);
    server = keep(await secured.start(), (each) => each.close());
  });

  it('takes a certificate for who its subject is', async () => {
    const pem = await secured.clients.issue({ cn: 'anna' });
    const call = callerOf(server.httpAddress, {}, { ca: secured.authority.cert, ...pem });
    const { body } = await call('GET /api/policy/access');
    expect(body).to.deep.include({ identity: 'anna', verified: true });
    expect((await call('PATCH /api/policy', { json: { max_positions: 6 } })).status).to.equal(200);
  });

  it('takes a token from who shows no certificate, and nobody without either', async () => {
    const ca = secured.authority.cert;
    const token = secured.issue('ranker');
    const call = callerOf(server.httpAddress, {}, { ca });
    expectDetail(await call('GET /api/policy'), 401);
    const stranger = await secured.authority.issue({ cn: 'anna' });
    const forged = callerOf(server.httpAddress, {}, { ca, ...stranger });
    const outcome = await forged('GET /api/policy').then(
      ({ status }) => status,
      () => 'refused',
    );
    expect(outcome).to.be.oneOf([401, 'refused']);
    let identity: unknown;
    // The file of tokens is read again soon after it was written.
    while (identity === undefined) {
      const answer = await call('GET /api/policy/access', { headers: bearer(token) });
      if (answer.status === 200) ({ identity } = JSON.parse(answer.text) as { identity: unknown });
    }
    expect(identity).to.equal('ranker');
  });

  it('says nothing to who does not encrypt', async () => {
    const plain = callerOf(server.httpAddress, bearer(secured.issue('anna')));
    const outcome = await plain('GET /api/policy').then(
      ({ status }) => status,
      () => 'refused',
    );
    expect(outcome).to.be.oneOf([400, 426, 'refused']);
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type ClientOptions, PolicyClient } from '@policystore/client';
import { expect } from 'chai';

import { createAuthority, type Pem } from '../../support/certificates.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const SECRET = 'pst_secret';

describe('the security of a client', () => {
  const directory = temporaryDirectory();
  const environment = process.env;
  let pem: Pem;

  before(async () => {
    pem = await createAuthority();
  });
  afterEach(() => {
    process.env = environment;
  });

  function make(options: ClientOptions, env: Record<string, string> = {}): void {
    process.env = env;
    new PolicyClient(options).close();
  }

  it('refuses to send a token unencrypted to another machine', () => {
    const far = { addresses: ['127.0.0.1:50051', 'policy.example:50051'] };
    for (const options of [
      { ...far, token: SECRET },
      { ...far, token: () => SECRET },
      { ...far, token: SECRET, tls: false },
    ]) {
      expect(() => {
        make(options);
      }).to.throw(TypeError, 'policy.example:50051 unencrypted');
    }
    expect(() => {
      make(far, { POLICY_TOKEN: SECRET });
    }).to.throw(TypeError, 'set tls');
    make(far);
    make({ ...far, token: SECRET, tls: true });
    make({ ...far, token: SECRET, insecureToken: true });
    make({ ...far, token: SECRET }, { POLICY_TLS: '1' });
    for (const address of ['localhost:1', '127.9.9.9:1', '[::1]:1']) {
      make({ addresses: address, token: SECRET });
    }
  });

  it('takes certificates by path or as they are, from options or the environment', () => {
    const ca = join(directory.path, 'ca.pem');
    const key = join(directory.path, 'client.key');
    writeFileSync(ca, pem.cert);
    writeFileSync(key, pem.key);
    make({ tls: { ca, cert: pem.cert, key: Buffer.from(pem.key) } });
    make({ tls: { ca, serverName: 'policy.internal' } });
    make({}, { POLICY_TLS_CA: ca, POLICY_CLIENT_CERT: ca, POLICY_CLIENT_KEY: key });
  });

  it('says what is wrong with certificates, and shows no key', () => {
    const broken = pem.key.replace('-----END', '-----ENDED');
    const bad: [ClientOptions['tls'], string][] = [
      [{ ca: '/nowhere/ca.pem' }, 'tls.ca: ENOENT'],
      [{ cert: pem.cert }, 'cert and key together'],
      [{ cert: pem.cert, key: broken }, 'cannot be used'],
      [{ CA: pem.cert } as ClientOptions['tls'], 'tls has no option "CA"; did you mean "ca"?'],
      ['ca.pem' as unknown as boolean, 'tls takes an object'],
    ];
    for (const [tls, says] of bad) {
      expect(() => {
        make({ tls });
      })
        .to.throw(TypeError, says)
        .with.property('message')
        .that.does.not.include('BEGIN');
    }
    expect(() => {
      make({}, { POLICY_TLS_CA: '/nowhere/ca.pem' });
    }).to.throw(TypeError, '/nowhere/ca.pem');
  });

  it('shows no token that cannot be one', () => {
    for (const token of [`${SECRET}\n`, `${SECRET} `, 'pst_sécret']) {
      expect(() => {
        make({ token });
      })
        .to.throw(TypeError, 'end of line')
        .with.property('message')
        .that.does.not.include('pst_');
    }
  });
});

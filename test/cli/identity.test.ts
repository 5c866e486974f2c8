import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { policyctl, type Told } from '../support/policyctl.js';
import { secure, type Secured } from '../support/secured.js';
import type { TestServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ACCESS = `
identities:
  anna: { roles: [operator] }
  ranker: { roles: [{ role: opportunity_ranker, namespaces: [paper] }] }
  governor: { roles: [safety_governor] }
`;

describe('policyctl shows who asks', () => {
  const keep = closeAfterEach();
  const folder = temporaryDirectory();
  let secured: Secured;
  let server: TestServer;
  let ca: string;
  let tokens: Record<'anna' | 'ranker' | 'governor' | 'stranger', string>;

  beforeEach(async () => {
    secured = await secure(folder.path);
    writeFileSync(secured.files.access, ACCESS);
    tokens = {
      anna: secured.issue('anna'),
      ranker: secured.issue('ranker'),
      governor: secured.issue('governor'),
      stranger: secured.issue('stranger'),
    };
    server = keep(await secured.start({ flags: ['--namespaces', 'default,paper'] }), (it) => it.close());
    ca = join(folder.path, 'ca.pem');
    writeFileSync(ca, secured.authority.cert);
  });

  /** A file of profiles, with what a profile says beside addresses. */
  function profiles(text: string): { POLICY_PROFILES: string } {
    const path = join(folder.path, 'config', 'profiles.yaml');
    mkdirSync(join(folder.path, 'config'), { recursive: true });
    writeFileSync(path, text);
    return { POLICY_PROFILES: path };
  }

  function environment(token: string): Record<string, string> {
    return { POLICY_ADDR: server.address, POLICY_TLS_CA: ca, POLICY_TOKEN: token };
  }

  it('by a token of the environment, over TLS, and the history has the name', async () => {
    const env = environment(tokens.anna);
    expect((await policyctl(['patch', 'max_positions=3'], { env })).code).to.equal(0);
    const { stdout } = await policyctl(['history', '--limit', '1'], { env });
    expect(stdout).to.include('by anna\n').and.not.to.include('unverified');
  });

  it('by a profile with the file of a token, which is relative to it', async () => {
    const token = tokens.anna;
    writeFileSync(join(folder.path, 'anna.token'), `${token}\n`);
    const profile = `{ addresses: ['${server.address}'], namespace: paper, token_file: ../anna.token, tls: { ca: '${ca}' } }`;
    const env = profiles(`live: ${profile}\n`);

    const { code, stdout, stderr } = await policyctl(['get', '--profile', 'live'], { env });
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include('paper ');
    const other = await policyctl(['get', '--profile', 'live', '-n', 'default'], { env });
    expect(other.stdout).to.include('default ');
  });

  it('by a certificate in a profile', async () => {
    const own = await secured.clients.issue({ cn: 'anna' });
    writeFileSync(join(folder.path, 'anna.pem'), own.cert);
    writeFileSync(join(folder.path, 'anna.key'), own.key);
    const tls = `{ ca: ../ca.pem, cert: ../anna.pem, key: ../anna.key }`;
    const env = profiles(`live: { addresses: ['${server.address}'], tls: ${tls} }\n`);
    const { code, stderr } = await policyctl(['patch', 'max_positions=3', '--profile', 'live'], { env });
    expect(code, stderr).to.equal(0);
  });

  it('never takes a token of the environment to the servers of a profile', async () => {
    const env = {
      ...environment(tokens.anna),
      ...profiles(`live: { addresses: ['${server.address}'], tls: { ca: '${ca}' } }\n`),
    };
    const { code, stderr } = await policyctl(['get', '--profile', 'live'], { env });
    expect(code).to.equal(4);
    expect(stderr).to.include('UNAUTHENTICATED').and.to.include('token_file');
  });

  it('and ends with 4 where there is no right, naming the fields and who may', async () => {
    const env = environment(tokens.governor);
    const loosened = await policyctl(['patch', 'max_positions=9', '--yes'], { env });
    expect(loosened.code).to.equal(4);
    expect(loosened.stderr).to.include('max_positions').and.to.include('operator');
    expect((await policyctl(['get'], { env: environment('') })).code).to.equal(4);
    const status = await policyctl(['status'], { env: environment('') });
    expect(status.stdout)
      .to.match(/ refuses /)
      .and.not.to.include('away');
  });

  it('stops in the namespaces that it may read, and says where it may not', async () => {
    const stopAll = (name: keyof typeof tokens): Promise<Told> =>
      policyctl(['trip', '--all-namespaces'], { env: environment(tokens[name]) });
    const governor = await stopAll('governor');
    expect(governor.code, governor.stderr).to.equal(0);
    expect(governor.stdout)
      .to.match(/^default: /m)
      .and.to.match(/^paper: /m);
    const ranker = await stopAll('ranker');
    expect(ranker.code).to.equal(4);
    expect(ranker.stderr).to.include('paper').and.not.to.include('default');
    const stranger = await stopAll('stranger');
    expect(stranger.code).to.equal(4);
    expect(stranger.stderr).to.include('nothing was stopped');
  });

  it('never prints a token, nor takes one as an argument', async () => {
    const token = tokens.anna;
    const plain = { POLICY_ADDR: 'policy.example:50051', POLICY_TOKEN: token };
    const unencrypted = await policyctl(['get'], { env: plain });
    expect(unencrypted.code).to.equal(2);
    expect(unencrypted.stderr).to.include('unencrypted');
    const broken = await policyctl(['get'], { env: { ...environment(`${token} x`) } });
    expect(broken.code).to.equal(2);
    const revoked = await policyctl(['get'], { env: environment(token.replace(/.$/, '_')) });
    expect(revoked.code).to.equal(4);
    for (const { stdout, stderr } of [unencrypted, broken, revoked]) {
      expect(stdout + stderr).to.not.include(token.slice(-12));
    }
    expect((await policyctl(['get', '--token', token])).code).to.equal(2);
  });

  it('and says what is wrong with a profile', async () => {
    const env = profiles(
      'live: { adresses: [a:1] }\nnowhere: { namespace: paper }\nlost: { addresses: [a:1], token_file: no }\n',
    );
    const cases = {
      live: 'did you mean addresses?',
      nowhere: 'addresses must be a list',
      lost: 'token_file',
      livee: 'did you mean live?',
    };
    for (const [profile, message] of Object.entries(cases)) {
      const { code, stderr } = await policyctl(['get', '--profile', profile], { env });
      expect(code, profile).to.equal(2);
      expect(stderr).to.include(message);
    }
    const none = await policyctl(['get', '--profile', 'live'], { env: { POLICY_PROFILES: '/nowhere' } });
    expect(none.code).to.equal(2);
    expect(none.stderr).to.include('/nowhere');
  });
});

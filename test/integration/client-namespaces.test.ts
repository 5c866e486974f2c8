import { PolicyClient, PolicyStoreError } from '@policystore/client';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { freePort } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { replaceFile, secure } from '../support/secured.js';
import { startServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('PolicyClient.namespaces', () => {
  const keep = closeAfterEach();
  const folder = temporaryDirectory();

  it('lists what the server has, in the order of its setting, whatever the own one is', async () => {
    const flags = ['--namespaces', 'paper,default,live'];
    const { address } = keep(await startServer({ flags }), (server) => server.close());
    const client = keep(new PolicyClient({ addresses: address, namespace: 'nowhere' }), (it) => it.close());

    expect(await client.namespaces()).to.deep.equal(['paper', 'default', 'live']);
    await rejection(client.namespaces({ deadline: 5 } as object), TypeError);
  });

  it('lists it while the store was not reached yet, for a stop acts then too', async () => {
    const store = `redis://127.0.0.1:${await freePort()}`;
    const server = keep(await startServer({ store, ready: false, flags: ['--namespaces', 'a,b'] }), (it) =>
      it.close(),
    );
    const client = keep(new PolicyClient({ addresses: server.address }), (it) => it.close());
    expect(await client.namespaces()).to.deep.equal(['a', 'b']);
  });

  it('lists only what the caller may read, and nothing to who may read nothing', async () => {
    const secured = await secure(folder.path);
    const ranker = '{ roles: [{ role: opportunity_ranker, namespaces: [paper] }] }';
    replaceFile(secured.files.access, `identities: { ranker: ${ranker}, anna: { roles: [operator] } }\n`);
    const [anna, desk, stranger] = ['anna', 'ranker', 'stranger'].map((name) => secured.issue(name));
    const flags = ['--namespaces', 'default,paper'];
    const { address } = keep(await secured.start({ flags }), (server) => server.close());
    const namesFor = (token: string | undefined): Promise<readonly string[]> => {
      const tls = { ca: secured.authority.cert };
      const client = keep(new PolicyClient({ addresses: address, token, tls }), (it) => it.close());
      return client.namespaces();
    };

    expect(await namesFor(anna)).to.deep.equal(['default', 'paper']);
    expect(await namesFor(desk)).to.deep.equal(['paper']);
    expect(await namesFor(stranger)).to.deep.equal([]);
  });
});

describe('PolicyClient.override with validateOnly', () => {
  const keep = closeAfterEach();

  it('answers what executors would obey, and puts nothing in force', async () => {
    const { address } = keep(await startServer(), (server) => server.close());
    const client = keep(new PolicyClient({ addresses: address }), (it) => it.close());
    const { version } = await client.patch({ allowedSymbols: ['A', 'B'] });
    const input = { name: 'ban', limits: { blockSymbols: ['B'] }, reason: 'halted' };

    const trial = await client.override(input, { validateOnly: true, waitApplied: {} });

    expect(trial.policy!.allowedSymbols).to.deep.equal(['A']);
    expect(trial).to.deep.include({ version, pending: false, addresses: [] });
    expect(trial.receipt).to.equal(undefined);
    expect((await client.get()).policy.overrides).to.deep.equal([]);
    expect((await client.override(input)).policy).to.equal(undefined);
    const looser = client.override({ ...input, limits: { blockSymbols: ['A'] } }, { validateOnly: true });
    expect((await rejection(looser, PolicyStoreError)).reason).to.equal('OVERRIDE_LOOSENS');
  });
});

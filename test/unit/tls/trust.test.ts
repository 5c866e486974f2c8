import { X509Certificate } from 'node:crypto';

import { expect } from 'chai';

import { isIssuedBy } from '../../../server/src/tls/trust.js';
import { createAuthority } from '../../support/certificates.js';

const read = ({ cert }: { cert: string }) => new X509Certificate(cert);

describe('the authorities of a certificate', () => {
  it('vouch for what they issued', async () => {
    const [one, other] = [await createAuthority('one'), await createAuthority('other')];
    const leaf = read(await one.issue({ cn: 'a' }));
    expect(isIssuedBy(leaf, [read(other), read(one)])).to.equal(true);
    expect(isIssuedBy(leaf, [read(other)])).to.equal(false);
    expect(isIssuedBy(leaf, [])).to.equal(false);
  });

  it('vouch for nothing that another of the same name issued', async () => {
    const [one, impostor] = [await createAuthority('one'), await createAuthority('one')];
    expect(isIssuedBy(read(await impostor.issue({ cn: 'a' })), [read(one)])).to.equal(false);
  });

  it('do not let those whom they certified certify others', async () => {
    const one = await createAuthority('one');
    const leaf = read(await one.issue({ cn: 'a' }));
    expect(isIssuedBy(read(await one.issue({ cn: 'b' })), [leaf])).to.equal(false);
  });
});

import { formatVersion, parseVersion } from '@policystore/client';
import { expect } from 'chai';

describe('version text', () => {
  it('reads what it writes', () => {
    const version = { epoch: 'k3v9', revision: 42 };

    expect(formatVersion(version)).to.equal('k3v9:42');
    expect(parseVersion('k3v9:42')).to.deep.equal(version);
  });

  for (const text of [
    '',
    'k3v9',
    ':1',
    'k3v9:',
    'k3v9:-1',
    'k3v9:1.5',
    'a:b:1',
    'k3v9:1 ',
    'k3v9:99999999999999999',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseVersion(text)).to.throw(TypeError, 'expected epoch:revision');
    });
  }
});

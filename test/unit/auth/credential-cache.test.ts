import { expect } from 'chai';

import { CredentialCache } from '../../../server/src/auth/credential-cache.js';

const identity = (name: string, expiresAt?: number) => ({ name, verified: true, expiresAt });

describe('the cache of credentials', () => {
  it('knows a credential until it expires', () => {
    const cache = new CredentialCache();
    cache.set('good', identity('a', Date.now() + 60_000));
    cache.set('endless', identity('b'));
    cache.set('over', identity('c', Date.now()));
    expect(cache.get('good')?.name).to.equal('a');
    expect(cache.get('endless')?.name).to.equal('b');
    expect(cache.get('over')).to.equal(undefined);
    expect(cache.get('unknown')).to.equal(undefined);
  });

  it('holds no more than its bound, and forgets the oldest', () => {
    const cache = new CredentialCache(2);
    for (const name of ['a', 'b', 'c']) cache.set(name, identity(name));
    expect(['a', 'b', 'c'].map((name) => cache.get(name)?.name)).to.deep.equal([undefined, 'b', 'c']);
  });

  it('forgets all at once', () => {
    const cache = new CredentialCache();
    cache.set('good', identity('a'));
    cache.clear();
    expect(cache.get('good')).to.equal(undefined);
  });
});

import { expect } from 'chai';

import {
  type Authenticator,
  createAuthenticator,
  type Shown,
} from '../../../server/src/auth/authenticator.js';
import { createToken, hashToken } from '../../../server/src/auth/token.js';
import type { TokenEntry } from '../../../server/src/auth/token-file.js';

describe('the authenticator', () => {
  let authenticator: Authenticator;
  let looks: number;
  const token = createToken();

  beforeEach(() => {
    looks = 0;
    const entry: TokenEntry = { hash: hashToken(token), name: 'anna', expiresAt: undefined };
    const tokens = {
      get current() {
        looks += 1;
        return [entry];
      },
      onChange: () => () => undefined,
      close: () => undefined,
    };
    authenticator = createAuthenticator({ tokens });
  });

  afterEach(() => {
    authenticator.close();
  });

  const shown = (header: string): Shown => ({ authorization: [header], peer: () => undefined });

  it('remembers a token once, however its header is written, so that nobody fills the memory with one', () => {
    const headers = [`Bearer ${token}`, `bearer ${token}`, `BEARER     ${token}`];
    for (const header of headers) {
      expect(authenticator.identify(shown(header))).to.deep.include({ name: 'anna' });
    }
    expect(looks).to.equal(1);
    for (const header of headers) expect(authenticator.known(shown(header))?.name, header).to.equal('anna');
  });
});

import { expect } from 'chai';

import { Session } from '../../../clients/typescript/src/session.js';

const at = (revision: number, epoch = 'e1') => ({ epoch, revision });

function seeing(...versions: ReturnType<typeof at>[]): Session {
  const session = new Session();
  for (const version of versions) session.observe(version);
  return session;
}

describe('what a client has seen', () => {
  it('is the newest version, however late an older one comes', () => {
    expect(seeing(at(3), at(9), at(7)).atLeast()).to.deep.equal(at(9));
  });

  it('goes on in a new epoch, and not back to an old one for an answer that was late', () => {
    expect(seeing(at(9), at(12, 'e2'), at(10)).atLeast()).to.deep.equal(at(12, 'e2'));
  });

  it('counts where a caller asks for less, and not where it asks for more', () => {
    const session = seeing(at(9));

    expect(session.atLeast(at(5))).to.deep.equal(at(9));
    expect(session.atLeast(at(11))).to.deep.equal(at(11));
    expect(session.atLeast(at(5, 'e7'))).to.deep.equal(at(5, 'e7'));
  });

  it('begins anew when it is forgotten', () => {
    const session = seeing(at(9));
    session.observe(at(9), true);

    session.forget();
    session.observe(at(2, 'e2'));

    expect(session.atLeast()).to.deep.equal(at(2, 'e2'));
    expect(session.identifies(at(9))).to.equal(true);
  });

  describe('with a pending override', () => {
    it('is no longer named by its version', () => {
      const session = seeing(at(9));
      expect(session.identifies(at(9))).to.equal(true);

      session.observe(at(9), true);

      expect(session.identifies(at(9))).to.equal(false);
      expect(session.identifies(at(8))).to.equal(true);
      expect(session.identifies(at(9, 'e2'))).to.equal(true);
    });

    it('is not named by its version either once a replica answers without it', () => {
      const session = seeing(at(9));
      session.observe(at(9), true);
      session.observe(at(9), false);

      expect(session.identifies(at(9))).to.equal(false);
    });

    it('is named by its version again from the next version on', () => {
      const session = seeing(at(9));
      session.observe(at(9), true);
      session.observe(at(10), false);

      expect(session.identifies(at(10))).to.equal(true);
    });

    it('is not a matter of an older version that comes late', () => {
      const session = seeing(at(10));
      session.observe(at(9), true);

      expect(session.identifies(at(10))).to.equal(true);
    });
  });
});

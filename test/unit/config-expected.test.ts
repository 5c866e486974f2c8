import { expect } from 'chai';

import { parseExpected } from '../../server/src/config/values.js';
import { BadSettings, readConfig } from '../../server/src/config/config.js';

describe('POLICY_EXPECTED', () => {
  it('names components and how many of each there should be', () => {
    expect(parseExpected('')).to.deep.equal([]);
    expect(parseExpected('executor:20, risk_guard:2,replica:3,a.b-c:99999')).to.deep.equal([
      { component: 'executor', count: 20 },
      { component: 'risk_guard', count: 2 },
      { component: 'replica', count: 3 },
      { component: 'a.b-c', count: 99_999 },
    ]);
    expect(readConfig(['--expected', 'executor:1'], 'test', false).expected).to.deep.equal([
      { component: 'executor', count: 1 },
    ]);
  });

  for (const text of [
    'executor',
    'executor:',
    ':2',
    'executor:0',
    'executor:-1',
    'executor:2.5',
    'executor:1e3',
  ]) {
    it(`refuses ${text}, and says how to write it`, () => {
      expect(() => parseExpected(text)).to.throw(`holds "${text}"; write component:count`);
    });
  }

  it('refuses an empty part, a long name, a name twice, and says which setting it is', () => {
    expect(() => parseExpected('executor:2,')).to.throw('holds ""');
    expect(() => parseExpected(`${'x'.repeat(129)}:1`)).to.throw('write component:count');
    expect(() => parseExpected('executor:2,executor:3')).to.throw('names executor twice');
    expect(() => readConfig(['--expected', 'executor'], 'test', false)).to.throw(
      BadSettings,
      'POLICY_EXPECTED (--expected): "executor" holds "executor"; write component:count, such as executor:20,risk_guard:2',
    );
  });
});

import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import { expectBareTime, expectDetail, expectKeys, timeless } from './support/shapes.js';

describe('REST setting the risk mode', () => {
  const keep = closeAfterAll();
  let rest: Rest;

  before(async () => {
    rest = keep(await startRest(), (each) => each.close());
  });

  for (const mode of ['AGGRESSIVE', 'normal', 'Defensive', 'aGgReSsIvE', 'NORMAL', 'DEFENSIVE']) {
    it(`takes ${mode}`, async () => {
      const { status, body } = await rest.call(`POST /api/policy/risk_mode/${mode}`);
      expect(status).to.equal(200);
      expectKeys(
        body,
        'risk_mode',
        'max_risk_per_trade',
        'max_positions',
        'global_min_confidence',
        'timestamp',
      );
      const { timestamp, ...values } = body;
      expectBareTime(timestamp);
      expect(values).to.deep.equal({
        risk_mode: mode.toUpperCase(),
        max_risk_per_trade: 0.01,
        max_positions: 5,
        global_min_confidence: 0.7,
      });
      expect((await rest.call('GET /api/policy/risk_mode')).body.risk_mode).to.equal(mode.toUpperCase());
    });
  }

  it('changes nothing but the mode', async () => {
    await rest.call('POST /api/policy/risk_mode/NORMAL');
    const earlier = timeless((await rest.call('GET /api/policy')).body.policy);
    await rest.call('POST /api/policy/risk_mode/aggressive');
    const { policy } = (await rest.call('GET /api/policy')).body;
    expect(timeless(policy)).to.deep.equal({ ...earlier, risk_mode: 'AGGRESSIVE' });
    expect((await rest.newestChange()).fields.map(({ field }) => field)).to.deep.equal(['risk_mode']);
  });

  it('refuses a mode that there is not, to the letter', async () => {
    const version = await rest.version();
    const answer = await rest.call('POST /api/policy/risk_mode/FOO');
    expectDetail(answer, 400, 'Invalid risk mode: FOO. Must be AGGRESSIVE, NORMAL, or DEFENSIVE');
    for (const mode of [
      'UNSPECIFIED',
      'RISK_MODE_NORMAL',
      '2',
      'NORMAL%20',
      '__proto__',
      '%00',
      '%F0%9F%9A%80',
    ]) {
      const refused = await rest.call(`POST /api/policy/risk_mode/${mode}`);
      expectDetail(refused, 400, /^Invalid risk mode: .*\. Must be AGGRESSIVE, NORMAL, or DEFENSIVE$/s);
    }
    expect(await rest.version()).to.equal(version);
  });
});

import { expect } from 'chai';

import { TimeInForce } from '../../../server/src/metrics/time-in-force.js';
import { createManualClock } from '../../support/clock.js';

describe('the time that values are in force', () => {
  it('adds up by value, until now, whenever it is asked for', async () => {
    const clock = createManualClock();
    const time = new TimeInForce(['stop', 'go'], clock);
    expect([...time.seconds()]).to.deep.equal([
      ['stop', 0],
      ['go', 0],
    ]);
    time.set('go');
    await clock.advance(3000);
    expect([...time.seconds()]).to.deep.include(['go', 3]);
    await clock.advance(500);
    time.set('go');
    time.set('stop');
    await clock.advance(2000);
    time.set('go');
    await clock.advance(1000);
    expect(Object.fromEntries(time.seconds())).to.deep.equal({ stop: 2, go: 4.5 });
    expect(time.current).to.equal('go');
  });
});

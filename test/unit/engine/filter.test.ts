import { expect } from 'chai';

import { Filters } from '../../../server/src/engine/watch/filter.js';

describe('the filters of watchers', () => {
  it('are shared by those who ask for the same fields, in whatever order', () => {
    const filters = new Filters();
    const one = filters.acquire(['max_positions', 'risk_mode']);
    expect(filters.acquire(['risk_mode', 'max_positions', 'risk_mode'])).to.equal(one);
    expect(filters.acquire(['risk_mode'])).to.not.equal(one);
    expect(filters.acquire([]).isWhole).to.equal(true);
  });

  it('are let go with the last who used them, and with them what was encoded for them', () => {
    const filters = new Filters();
    const one = filters.acquire(['risk_mode']);
    filters.acquire(['risk_mode']);
    filters.release(one);
    expect(filters.acquire(['risk_mode'])).to.equal(one);
    filters.release(one);
    filters.release(one);
    expect(filters.acquire(['risk_mode'])).to.not.equal(one);
  });
});

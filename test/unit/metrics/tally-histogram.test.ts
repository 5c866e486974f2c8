import { expect } from 'chai';

import { TallyHistogram } from '../../../server/src/metrics/tally-histogram.js';

const NAME = 'test_span_seconds';

describe('a histogram of tallies', () => {
  const create = (): TallyHistogram<'call'> =>
    new TallyHistogram({
      name: NAME,
      help: 'How long.',
      labelNames: ['call'],
      buckets: [0.1, 1],
      registers: [],
    });

  it('counts a value into the bucket of its bound, and into all above it', async () => {
    const histogram = create();
    const tally = histogram.tally({ call: 'get' });
    for (const value of [0.05, 0.1, 0.5, 7]) tally.observe(value);
    const { type, values } = await histogram.get();
    expect(type).to.equal('histogram');
    const bucket = (le: string, value: number): object => ({
      metricName: `${NAME}_bucket`,
      labels: { le, call: 'get' },
      value,
    });
    expect(values).to.deep.equal([
      ...[bucket('0.1', 2), bucket('1', 3), bucket('+Inf', 4)],
      { metricName: `${NAME}_sum`, labels: { call: 'get' }, value: 7.65 },
      { metricName: `${NAME}_count`, labels: { call: 'get' }, value: 4 },
    ]);
  });

  it('has one tally for the same labels, shown from when it was asked for', async () => {
    const histogram = create();
    expect((await histogram.get()).values).to.be.empty;
    const tally = histogram.tally({ call: 'get' });
    expect(histogram.tally({ call: 'get' })).to.equal(tally);
    expect(histogram.tally({ call: 'patch' })).to.not.equal(tally);
    expect((await histogram.get()).values.map(({ value }) => value)).to.deep.equal(Array(10).fill(0));
  });
});

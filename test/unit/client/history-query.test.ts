import { ChangeKind, type HistoryOptions, type Moment } from '@policystore/client';
import { expect } from 'chai';

import { writeHistoryQuery, writeMoment } from '../../../clients/typescript/src/history-query.js';

const moment = (at: unknown) => writeMoment(at as Moment);

describe('what is asked of the history', () => {
  it('is everything where nothing is said', () => {
    expect(writeHistoryQuery({})).to.deep.equal({
      actor: '',
      fields: [],
      kinds: [],
      from: undefined,
      to: undefined,
      pageSize: 0,
    });
  });

  it('is what was said, with the whole last millisecond', () => {
    const [from, to] = [new Date(-1), new Date(1_700_000_000_250)];

    expect(
      writeHistoryQuery({
        actor: 'msc_ai',
        fields: ['max_positions', 'overrides'],
        kinds: [ChangeKind.OVERRIDE],
        from,
        to,
        pageSize: 500,
      }),
    ).to.deep.equal({
      actor: 'msc_ai',
      fields: ['max_positions', 'overrides'],
      kinds: [ChangeKind.OVERRIDE],
      from: { seconds: -1, nanos: 999_000_000 },
      to: { seconds: 1_700_000_000, nanos: 250_999_999 },
      pageSize: 500,
    });
  });

  it('is refused where it cannot be asked', () => {
    for (const from of [new Date(NaN), 1_700_000_000_000, '2026-01-01', null]) {
      expect(() => writeHistoryQuery({ from } as unknown as HistoryOptions)).to.throw(
        TypeError,
        'from must be a valid Date',
      );
    }
    for (const pageSize of [-1, 501, 2.5, NaN]) {
      expect(() => writeHistoryQuery({ pageSize })).to.throw(RangeError, 'pageSize must be');
    }
  });
});

describe('a moment', () => {
  it('is a revision, of a certain epoch where one is named', () => {
    expect(moment({ revision: 41 })).to.deep.equal({ at: { $case: 'revision', value: 41 }, epoch: '' });
    expect(moment({ revision: 41, epoch: 'e1' })).to.deep.equal({
      at: { $case: 'revision', value: 41 },
      epoch: 'e1',
    });
  });

  it('is a time', () => {
    expect(moment({ time: new Date(1250) })).to.deep.equal({
      at: { $case: 'time', value: { seconds: 1, nanos: 250_000_000 } },
      epoch: '',
    });
  });

  it('is one of them, and not both', () => {
    const both = [
      { time: new Date(0), revision: 1 },
      { time: new Date(0), epoch: 'e1' },
    ];
    for (const unfit of both) {
      expect(() => moment(unfit)).to.throw(TypeError, 'revision takes a revision or a time, not both');
    }
    for (const unfit of [{}, { epoch: 'e1' }, { revision: 1.5 }, { revision: 'e1:4' }]) {
      expect(() => moment(unfit)).to.throw(TypeError, 'a revision must be a whole number');
    }
    for (const unfit of [41, null, new Date(0)]) expect(() => moment(unfit)).to.throw(TypeError);
    expect(() => moment({ time: 'yesterday' })).to.throw(TypeError, 'time must be a valid Date');
    expect(() => moment({ at: 5 })).to.throw(TypeError, 'revision has no field "at"');
  });
});

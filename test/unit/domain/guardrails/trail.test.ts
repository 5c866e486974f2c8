import { expect } from 'chai';
import fc from 'fast-check';

import { Track } from '../../../../server/src/domain/guardrails/track.js';
import { ProposedPast, Trail } from '../../../../server/src/domain/guardrails/trail.js';

const MINUTE = 60_000_000;
const HOUR = 60 * MINUTE;

const arbHistory = fc
  .array(
    fc.record({ value: fc.integer({ min: 1, max: 9 }), after: fc.integer({ min: 1, max: 40 * MINUTE }) }),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((steps) => {
    let at = 1_700_000_000_000_000;
    return steps.map(({ value, after }) => ({ value, until: (at += after) }));
  });

describe('a track', () => {
  it('knows the least and the most of the last hour, and nothing that is over for more than a minute', () => {
    fc.assert(
      fc.property(arbHistory, fc.integer({ min: 0, max: 2 * HOUR }), (history, later) => {
        const track = new Track();
        for (const { value, until } of history) track.leave(value, until);
        const now = history.at(-1)!.until + later;
        const since = (micros: number) =>
          history.filter(({ until }) => until > now - micros).map(({ value }) => value);
        const [sure, possible] = [since(HOUR), since(HOUR + MINUTE)];
        const extremes = track.extremes(now);
        if (extremes === undefined) expect(sure).to.deep.equal([]);
        else {
          expect(extremes.least)
            .to.be.at.most(Math.min(...sure))
            .and.at.least(Math.min(...possible));
          expect(extremes.most)
            .to.be.at.least(Math.max(...sure))
            .and.at.most(Math.max(...possible));
        }
      }),
    );
  });
});

describe('a trail', () => {
  const move = (key: string, from: number | undefined, to: number | undefined) => ({
    numbers: [{ field: 'opp_rankings' as const, key, from, to }],
    names: [],
  });

  it('takes what is gone for nothing when it comes back', () => {
    const trail = new Trail();
    trail.fold(move('A', undefined, 0.9), HOUR);
    trail.fold(move('A', 0.9, undefined), HOUR + 1);
    expect(trail.at(HOUR + 2).extremes('opp_rankings', 'A')).to.equal(undefined);
    trail.fold(move('A', undefined, 0.1), HOUR + 3);
    expect(trail.at(HOUR + 4).extremes('opp_rankings', 'A')).to.deep.equal({ least: 0, most: 0 });
  });

  it('is left as it is by what is only proposed', () => {
    const trail = new Trail();
    trail.fold(move('A', 0.5, 0.4), HOUR);
    const proposed = new ProposedPast(trail.at(HOUR));
    proposed.propose(move('A', 0.4, 0.8));
    proposed.propose(move('A', 0.8, 0.6));
    expect(proposed.extremes('opp_rankings', 'A')).to.deep.equal({ least: 0.4, most: 0.8 });
    proposed.propose(move('A', 0.6, undefined));
    expect(proposed.extremes('opp_rankings', 'A')).to.equal(undefined);
    expect(trail.at(HOUR).extremes('opp_rankings', 'A')).to.deep.equal({ least: 0.5, most: 0.5 });
  });

  it('knows the names that came within the hour and did not go', () => {
    const names = (came: string[], went: string[]) => ({
      numbers: [],
      names: [{ field: 'allowed_symbols' as const, came, went }],
    });
    const trail = new Trail();
    trail.fold(names(['A', 'B'], []), HOUR);
    trail.fold(names(['C'], ['A']), HOUR + MINUTE);
    const lately = (now: number) => [...trail.at(now).cameLately('allowed_symbols')];
    expect(lately(HOUR + MINUTE)).to.deep.equal(['B', 'C']);
    expect(lately(2 * HOUR)).to.deep.equal(['C']);
    const proposed = new ProposedPast(trail.at(2 * HOUR));
    proposed.propose(names(['D'], []));
    expect([...proposed.cameLately('allowed_symbols')]).to.deep.equal(['C', 'D']);
  });
});

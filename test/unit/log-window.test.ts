import { expect } from 'chai';
import fc from 'fast-check';

import { createLogWindow } from '../../server/src/store/log-window.js';
import { GENESIS, type LogBounds, type LogEntry } from '../../server/src/store/store.js';
import { bodyOf } from '../support/store-builders.js';

const UNBOUNDED = { maxEntries: Infinity, maxBytes: Infinity };

/** An entry for each step: how many revisions it leaves out, its bytes, and how much later than the last it came. */
const steps = fc.array(
  fc.record({ skipped: fc.nat(3), bytes: fc.nat(30), micros: fc.integer({ min: 1, max: 3000 }) }),
  { maxLength: 60 },
);

const bounds: fc.Arbitrary<LogBounds> = fc.record({
  maxEntries: fc.constantFrom(1, 5, 20, Infinity),
  maxBytes: fc.constantFrom(1, 60, 300, Infinity),
  maxAgeMs: fc.constantFrom(undefined, 0, 5, 30),
});

describe('a window of the log', () => {
  it('holds and gives the same as a plain list that is cut from the front', () => {
    fc.assert(
      fc.property(steps, bounds, fc.nat(250), fc.nat(250), (made, kept, from, to) => {
        const window = createLogWindow(GENESIS, kept);
        let list: LogEntry[] = [];
        let trimmed: LogEntry | undefined;
        for (const entry of logOf(made)) {
          window.append([entry], entry.commitTime);
          list.push(entry);
          while (list.length > 1 && isOver(list, kept, entry.commitTime)) {
            trimmed = list[0];
            list = list.slice(1);
          }
        }

        expect(window.newest(UNBOUNDED)).to.deep.equal(list);
        expect(window.head).to.deep.equal(list.at(-1) ?? GENESIS);
        expect(window.oldest).to.equal(list[0]?.revision ?? 1);
        const range = list.filter(({ revision }) => revision >= from && revision <= to);
        expect(window.page(from, to)).to.deep.equal(range);
        expect(window.pageDown(from, to)).to.deep.equal([...range].reverse());
        const reached = [trimmed ?? GENESIS, ...list];
        for (const head of [GENESIS, ...logOf(made)]) {
          expect(window.reaches(head)).to.equal(reached.some(({ id }) => id === head.id));
          expect(window.reaches({ ...head, id: 'foreign' })).to.equal(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps what is exactly as old as it may be', () => {
    const window = createLogWindow(GENESIS, { ...UNBOUNDED, maxAgeMs: 1 });
    const [first, next] = logOf([
      { skipped: 0, bytes: 1, micros: 1 },
      { skipped: 0, bytes: 1, micros: 1 },
    ]) as [LogEntry, LogEntry];
    window.append([first, next], first.commitTime + 1000);
    expect(window.oldest).to.equal(1);
    window.append([], first.commitTime + 1001);
    expect(window.oldest).to.equal(2);
  });
});

function logOf(made: readonly { skipped: number; bytes: number; micros: number }[]): LogEntry[] {
  let [revision, commitTime] = [0, 0];
  return made.map(({ skipped, bytes, micros }) => {
    revision += 1 + skipped;
    commitTime += micros;
    return { epoch: 'e', revision, id: `id ${String(revision)}`, commitTime, body: bodyOf(bytes) };
  });
}

function isOver(
  list: readonly LogEntry[],
  { maxEntries, maxBytes, maxAgeMs }: LogBounds,
  now: number,
): boolean {
  return (
    list.length > maxEntries ||
    list.reduce((sum, { body }) => sum + body.byteLength, 0) > maxBytes ||
    (maxAgeMs !== undefined && (list[0]?.commitTime ?? now) < now - maxAgeMs * 1000)
  );
}

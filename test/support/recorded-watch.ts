import { type PolicyWatch, type WatchEvent } from '@policystore/client';
import { expect } from 'chai';

/** A watch whose events are kept as they come, until its client is closed. */
export interface RecordedWatch {
  readonly watch: PolicyWatch;
  readonly events: readonly WatchEvent[];
  /** Resolves when it is at this revision or beyond; rejects when the watch ends before. */
  reach(revision: number): Promise<void>;
}

export function recordWatch(watch: PolicyWatch): RecordedWatch {
  const events: WatchEvent[] = [];
  const waiting = new Set<() => void>();
  let ended: Error | undefined;
  const record = async (): Promise<void> => {
    for await (const event of watch) {
      events.push(event);
      for (const check of waiting) check();
    }
    throw new Error('the watch was closed');
  };
  record().catch((error: unknown) => {
    ended = error as Error;
    for (const check of waiting) check();
  });
  return {
    watch,
    events,
    reach: (revision) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const isThere = (events.at(-1)?.version.revision ?? -1) >= revision;
          if (!isThere && ended === undefined) return;
          waiting.delete(check);
          if (isThere) resolve();
          else reject(ended ?? new Error('the watch ended'));
        };
        waiting.add(check);
        check();
      }),
  };
}

/** Expects every change from `first` to `last` once, in order and as a change, and nothing else. */
export function expectEveryChange(events: readonly WatchEvent[], first: number, last: number): void {
  const expected = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  expect(events.map(({ version }) => version.revision)).to.deep.equal(expected);
  for (const { kind, version, previous, resync } of events) {
    expect({ kind, resync, previous: previous?.revision }).to.deep.equal({
      kind: 'change',
      resync: false,
      previous: version.revision - 1,
    });
  }
}

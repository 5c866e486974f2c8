import { expect } from 'chai';

import type { PolicyStore, RevisionRange } from '../../../server/src/store/store.js';
import { settled } from '../../support/clock.js';
import { policyOf, refusal } from '../../support/engine.js';
import { hold } from '../../support/faulty-store.js';
import { WrittenLog } from '../../support/written-log.js';

/** How many turns the event loop makes while `work` is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

describe('reading history', () => {
  it('lets others have their turn, the more the more read at once', async () => {
    const log = new WrittenLog();
    await log.create();
    await log.fill(3000);
    const history = await log.history();
    const read = () => history.at({ revision: 1, epoch: '' });
    const alone = await turnsDuring(read);
    expect(alone).to.be.greaterThan(10);
    const together = await turnsDuring(() => Promise.all([read(), read(), read()]));
    expect(together).to.be.greaterThan(2.5 * alone);
  });

  it('is done by a few at a time, and a rollback does not wait for them', async () => {
    const log = new WrittenLog();
    await log.create();
    await log.fill(3);
    const held = hold();
    let underWay = 0;
    const slow: PolicyStore = {
      ...log.store,
      async changes(namespace: string, range: RevisionRange) {
        if (range.from === 2) return log.store.changes(namespace, range);
        underWay += 1;
        return held.pass(() => log.store.changes(namespace, range));
      },
    };
    const history = await log.history(slow);
    const reads = Array.from({ length: 30 }, () => history.at({ revision: 3, epoch: '' }));
    await settled();
    expect(underWay).to.be.within(1, 8);
    const { policy } = await history.base({ revision: 2, epoch: '' });
    expect(policy).to.deep.equal(log.states[1]!.base);
    await held.release();
    for (const { base } of await Promise.all(reads))
      expect(policyOf(base)).to.deep.equal(log.states[2]!.base);
  });

  it('is not begun for who has gone, and not promised to more than can wait', async () => {
    const log = new WrittenLog();
    await log.create();
    await log.fill(3);
    const held = hold();
    let pages = 0;
    const slow: PolicyStore = {
      ...log.store,
      async changes(namespace: string, range: RevisionRange) {
        pages += 1;
        return held.pass(() => log.store.changes(namespace, range));
      },
    };
    const history = await log.history(slow);
    const gone = new AbortController();
    const moment = { revision: 3, epoch: '' };
    const first = Array.from({ length: 8 }, () => history.at(moment));
    const left = Promise.allSettled(Array.from({ length: 1000 }, () => history.at(moment, gone.signal)));
    const error = await refusal(history.at(moment), 'HISTORY_BUSY');
    expect(error.retryAfterMs).to.be.greaterThan(0);
    gone.abort(new Error('gone'));
    await held.release();
    await Promise.all(first);
    const pagesOfFirst = pages;
    for (const outcome of await left) expect(outcome.status).to.equal('rejected');
    expect(pages).to.equal(pagesOfFirst);
  });
});

import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createEnding } from '../../server/src/store/ending.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('an ending', () => {
  it('gives what comes before it, and nothing for what does not', async () => {
    const ending = createEnding();
    expect(await ending.race(Promise.resolve(1))).to.equal(1);
    const never = ending.race(new Promise(() => undefined));
    ending.end();
    expect(await never).to.equal(undefined);
    expect(ending.isOver).to.equal(true);
    expect(await ending.race(new Promise(() => undefined))).to.equal(undefined);
  });

  it('passes on what fails before it', async () => {
    const failed = createEnding().race(Promise.reject(new Error('first')));
    expect(await failed.catch((error: unknown) => (error as Error).message)).to.equal('first');
  });

  it('keeps nothing of what came before it', async () => {
    const ending = createEnding();
    const raced: WeakRef<object>[] = [];
    for (let i = 0; i < 100; i += 1) {
      const page = { body: Buffer.alloc(1000) };
      raced.push(new WeakRef(page));
      await ending.race(Promise.resolve(page));
    }
    await new Promise(setImmediate);
    collectGarbage();
    expect(raced.filter((page) => page.deref() !== undefined)).to.have.length.below(5);
    ending.end();
  });
});

import { expect } from 'chai';

import { PolicyStoreError } from '../../../clients/typescript/src/errors.js';
import { backoffMs, retry } from '../../../clients/typescript/src/retry.js';
import { type Timing } from '../../../clients/typescript/src/timing.js';
import { rejection } from '../../support/rejection.js';

/** A clock that stands still between sleeps. */
function createTiming(random = 1): Timing & { readonly slept: number[] } {
  let now = 1000;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    random: () => random,
    async sleep(ms, signal) {
      signal.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
  };
}

const unavailable = (retryAfterMs?: number) => new PolicyStoreError('UNAVAILABLE', 'away', { retryAfterMs });

/** Fails with these errors, then works. */
function failing(...errors: Error[]) {
  const timeouts: number[] = [];
  const attempt = async (timeoutMs: number) => {
    timeouts.push(timeoutMs);
    const error = errors.shift();
    if (error) throw error;
    return 'done';
  };
  return { attempt, timeouts };
}

function options(timing: Timing, more: { safe?: boolean; addresses?: number; signal?: AbortSignal } = {}) {
  const { signal } = new AbortController();
  return { deadline: timing.now() + 5000, addresses: 1, safe: true, signal, timing, ...more };
}

describe('retry', () => {
  it('tries again after an error that passes, and waits longer each time', async () => {
    const timing = createTiming();
    const { attempt, timeouts } = failing(unavailable(), unavailable(), unavailable());

    expect(await retry(attempt, options(timing))).to.equal('done');
    expect(timing.slept).to.deep.equal([50, 100, 200]);
    expect(timeouts).to.deep.equal([5000, 4950, 4850, 4650]);
  });

  it('never waits for more than a second, so that it goes on to the end of its time', async () => {
    const timing = createTiming();
    const { attempt, timeouts } = failing(...Array.from({ length: 20 }, () => unavailable()));

    await rejection(retry(attempt, options(timing)), Error);
    expect(timing.slept).to.deep.equal([50, 100, 200, 400, 800, 1000, 1000, 1000]);
    expect(timeouts.at(-1)).to.equal(450);
  });

  for (const code of ['ABORTED', 'INVALID_ARGUMENT', 'NOT_FOUND', 'PERMISSION_DENIED', 'INTERNAL'] as const) {
    it(`does not repeat ${code}`, async () => {
      const timing = createTiming();
      const error = new PolicyStoreError(code, 'no');

      expect(await rejection(retry(failing(error).attempt, options(timing)), Error)).to.equal(error);
      expect(timing.slept).to.deep.equal([]);
    });
  }

  it('does not repeat what is not safe to do twice', async () => {
    const timing = createTiming();
    const error = unavailable();

    expect(await rejection(retry(failing(error).attempt, options(timing, { safe: false })), Error)).to.equal(
      error,
    );
    expect(timing.slept).to.deep.equal([]);
  });

  it('waits at least as long as the server asks, whatever the status', async () => {
    const timing = createTiming(0);
    const full = new PolicyStoreError('RESOURCE_EXHAUSTED', 'full', { retryAfterMs: 700 });

    await retry(failing(full).attempt, options(timing));

    expect(timing.slept).to.deep.equal([700]);
  });

  it('goes through all addresses before it waits, and gives none of them all the time', async () => {
    const timing = createTiming();
    const { attempt, timeouts } = failing(unavailable(300), unavailable(300), unavailable(300));

    await retry(attempt, options(timing, { addresses: 3 }));

    expect(timing.slept).to.deep.equal([0, 0, 350]);
    expect(timeouts).to.deep.equal([2500, 2500, 2500, 2325]);
  });

  it('gives all the time to the only try of what is not safe to do twice', async () => {
    const { attempt, timeouts } = failing();

    await retry(attempt, options(createTiming(), { safe: false, addresses: 3 }));

    expect(timeouts).to.deep.equal([5000]);
  });

  it('fails with the last error rather than wait beyond the deadline', async () => {
    const timing = createTiming();
    const last = unavailable(6000);

    expect(await rejection(retry(failing(unavailable(), last).attempt, options(timing)), Error)).to.equal(
      last,
    );
    expect(timing.slept).to.deep.equal([50]);
  });

  it('ends with the reason of an abort', async () => {
    const timing = createTiming();
    const signal = AbortSignal.abort(new Error('enough'));

    const error = await rejection(retry(failing(unavailable()).attempt, options(timing, { signal })), Error);

    expect(error).to.have.property('message', 'enough');
  });
});

describe('backoff', () => {
  it('is spread over the whole interval, which doubles up to five seconds', () => {
    expect(backoffMs(0, createTiming(0.5))).to.equal(25);
    expect(backoffMs(3, createTiming(0.5))).to.equal(200);
    expect(backoffMs(3, createTiming(0))).to.equal(0);
    expect(backoffMs(5000, createTiming(1))).to.equal(5000);
  });
});

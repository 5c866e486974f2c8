import { expect } from 'chai';

import { WriteLimiter } from '../../../server/src/engine/limits/write-limiter.js';
import { accessOf, type TestAccess } from '../../support/access.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, useEngines } from '../../support/engine.js';

describe('limits per identity', () => {
  const start = useEngines();

  /** @param limits By identity, as the access file has them. */
  function fileWith(limits: Record<string, string>): string {
    const limited = Object.entries(limits).map(
      ([name, text]) => `  ${name}: { roles: [operator], limits: { ${text} } }`,
    );
    return ['identities:', "  '*': { roles: [operator] }", ...limited].join('\n');
  }

  async function startLimited(limits: Record<string, string>) {
    const clock = createManualClock();
    const access: TestAccess = accessOf(fileWith(limits));
    const engine = await start({ clock, access });
    return { clock, engine, access };
  }

  it('refuse writes beyond what an identity may do per second, and say when it may again', async () => {
    const { clock, engine } = await startLimited({ noisy: 'writes_per_second: 4' });
    const noisy = { actor: 'noisy' };
    for (const maxPositions of [11, 12, 13, 14]) await engine.patch({ maxPositions }, noisy);
    const error = await refusal(engine.patch({ maxPositions: 15 }, noisy), 'RATE_LIMITED');
    expect(error.retryAfterMs).to.equal(250);
    expect(error.message).to.include('noisy may write 4 times per second in default');
    await engine.patch({ maxPositions: 16 }, { actor: 'quiet' });
    await clock.advance(249);
    await refusal(engine.patch({ maxPositions: 17 }, noisy), 'RATE_LIMITED');
    await clock.advance(1);
    await engine.patch({ maxPositions: 17 }, noisy);
  });

  it('count what changes nothing, is only tried or is refused', async () => {
    const { engine } = await startLimited({ noisy: 'writes_per_second: 3' });
    const noisy = { actor: 'noisy' };
    await engine.patch({ maxPositions: 10 }, noisy);
    await engine.patch({ maxPositions: 11 }, { ...noisy, validateOnly: true });
    await refusal(engine.patch({ maxPositions: 0 }, noisy), 'VALIDATION_FAILED');
    await refusal(engine.rollback(1, [], noisy), 'RATE_LIMITED');
    await refusal(engine.restore('', noisy), 'RATE_LIMITED');
  });

  it('never hold up an override', async () => {
    const { engine } = await startLimited({ governor: 'writes_per_second: 0.001' });
    const governor = { actor: 'governor' };
    await engine.patch({ maxPositions: 11 }, governor);
    await refusal(engine.patch({ maxPositions: 12 }, governor), 'RATE_LIMITED');
    for (let i = 0; i < 20; i += 1) await engine.override({ name: `stop-${i}` }, governor);
  });

  it('hold from the next write on when they change', async () => {
    const { engine, access } = await startLimited({ noisy: 'writes_per_second: 1' });
    const noisy = { actor: 'noisy' };
    await engine.patch({ maxPositions: 11 }, noisy);
    await refusal(engine.patch({ maxPositions: 12 }, noisy), 'RATE_LIMITED');
    access.replace(fileWith({}));
    await engine.patch({ maxPositions: 12 }, noisy);
  });

  it('forget who has been quiet, and never remember too many', async () => {
    const clock = createManualClock();
    const limiter = new WriteLimiter({
      namespace: 'default',
      clock,
      access: accessOf(`identities: { '*': { roles: [], limits: { writes_per_second: 10 } } }`),
    });
    const write = (name: string): void => {
      limiter.admit({ actor: { name, verified: true }, action: { kind: 'restore', name: '' } });
    };
    for (let i = 0; i < 20_000; i += 1) write(`identity-${i}`);
    expect(limiter.known).to.equal(10_000);
    await clock.advance(100);
    write('another');
    expect(limiter.known).to.equal(1);
  });

  it('refuse more watches than an identity may hold, until one of them ends', async () => {
    const { engine } = await startLimited({ noisy: 'watchers: 2' });
    const identity = { name: 'noisy', verified: true };
    const [first] = [engine.watch({ identity }), engine.watch({ identity })];
    const more = async (): Promise<unknown> => engine.watch({ identity });
    const error = await refusal(more(), 'TOO_MANY_WATCHERS');
    expect(error.retryAfterMs).to.equal(1000);
    expect(error.message).to.include('noisy holds 2 watches in default and may hold 2');
    engine.watch({ identity: { name: 'quiet', verified: true } });
    first.leave();
    await more();
    await refusal(more(), 'TOO_MANY_WATCHERS');
  });
});

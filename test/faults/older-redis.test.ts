import { TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { type RedisServer, type RedisSettings, startRedis } from '../support/redis.js';
import { Drill } from './support/drill.js';

const HEALED = /^the store came back older: .* put back/u;

describe('three servers, one of which lags, on a Redis that comes back older', () => {
  const keep = closeAfterEach();

  async function start(settings: RedisSettings = {}, flags: readonly string[] = []) {
    const redis = keep(await startRedis(settings), (it) => it.close());
    const store = (proxy?: { host: string; port: number }): string => `redis://${proxy!.host}:${proxy!.port}`;
    const drill = keep(await Drill.start({ store, target: redis, servers: 3, flags }), (it) => it.close());
    await drill.write(0, 'kept');
    await drill.override(1, 'kept ban', 50);
    await drill.caughtUp(0, 1);
    await drill.caughtUp(2, 1);
    return { redis, drill };
  }

  /** What comes after the point to which Redis will go back: all see the first part, the third server no more. */
  async function writeOn(drill: Drill): Promise<void> {
    await drill.write(0, 'seen by all');
    await drill.override(1, 'seen ban', 40);
    await drill.caughtUp(0, 1);
    await drill.caughtUp(2, 1);
    drill.lag(2);
    await drill.write(0, 'seen by two');
    await drill.caughtUp(1, 0);
    drill.lag(1);
    await drill.write(0, 'seen by one');
    await drill.override(0, 'late ban', 30);
    drill.lag(0);
  }

  /** The one that lags recovers first, and writes before the others notice. */
  async function comeBack(drill: Drill): Promise<void> {
    drill.release(2);
    await drill.told(2, HEALED);
    await drill.write(2, 'written by the one that lags');
    drill.release(1);
    drill.release(0);
    await drill.told(0, HEALED);
    await drill.expectWhole();
    // In the order in which they came back: what the last one held comes last.
    const reasons = (await drill.log(1))
      .filter(({ requestId }) => requestId !== '')
      .map(({ reason }) => reason);
    expect(reasons.slice(2)).to.deep.equal([
      'seen by all',
      'seen ban',
      'written by the one that lags',
      'seen by two',
      'seen by one',
      'late ban',
    ]);
  }

  it('lose nothing when it restarts without persistence', async () => {
    const { redis, drill } = await start({ appendonly: false });
    await writeOn(drill);
    await redis.restart();
    await comeBack(drill);
  });

  it('lose nothing when an older snapshot is restored', async () => {
    const { redis, drill } = await start({ appendonly: false });
    await redis.client.save();
    await writeOn(drill);
    await redis.restart();
    await comeBack(drill);
  });

  it('lose nothing when its AOF was cut off', async () => {
    const { redis, drill } = await start();
    const folder = join(redis.dir, 'appendonlydir');
    const name = (await readdir(folder)).find((each) => each.endsWith('.incr.aof'))!;
    const { size } = await stat(join(folder, name));
    await writeOn(drill);
    await redis.kill();
    await truncate(join(folder, name), size + 10);
    await redis.restart();
    await comeBack(drill);
  });

  it('lose nothing when it fails over to a replica that lagged', async () => {
    const { redis, drill } = await start();
    const replica = keep(await startRedis(), (it) => it.close());
    const linked = async (of: RedisServer): Promise<boolean> =>
      (await of.client.info('replication')).includes('master_link_status:up');
    await replica.client.replicaof(redis.host, redis.port);
    await until(() => linked(replica));
    await replica.client.replicaof('NO', 'ONE');
    await writeOn(drill);
    // The old master takes the state of the new one, and its place again: its connections survive all that.
    await redis.client.replicaof(replica.host, replica.port);
    await until(() => linked(redis));
    await redis.client.replicaof('NO', 'ONE');
    await comeBack(drill);
  });

  it('lose nothing when all of them notice at once, and a great deal is gone', async () => {
    const { redis, drill } = await start({ appendonly: false });
    await redis.client.save();
    await Promise.all(Array.from({ length: 1500 }, (_, i) => drill.write(i % 3, `W${i}`)));
    await redis.restart();
    await Promise.all([0, 1, 2].map((i) => drill.told(i, HEALED)));
    await drill.expectWhole();
  });

  it('go on in a new epoch when it restarts without a loss', async () => {
    const { redis, drill } = await start();
    const before = await drill.version(0);
    await redis.restart();
    await Promise.all([0, 1, 2].map((i) => drill.told(i, /may have lost changes .* in a new epoch/u)));
    await drill.write(1, 'after');
    await drill.expectWhole();
    expect((await drill.version(0)).split(':')[0]).to.not.equal(before.split(':')[0]);
    expect((await drill.log(0)).filter(({ recovery }) => recovery)).to.have.length(1);
  });

  it('reduce trading instead where they are set to halt, and say what was not put back', async () => {
    const { redis, drill } = await start({ appendonly: false }, ['--older-store', 'halt']);
    await redis.client.save();
    await drill.write(0, 'dropped');
    await drill.caughtUp(1, 0);
    await drill.caughtUp(2, 0);
    await redis.restart();
    for (const i of [0, 1, 2]) {
      await drill.told(i, /^the store came back older: .* 1 change NOT put back; .* trading is reduced/u);
      await drill.told(i, /^not put back: .*dropped/u);
      const { policy } = await drill.get(i);
      expect(policy!.tradingState).to.equal(TradingState.REDUCE_ONLY);
      expect(policy!.overrides.map(({ name }) => name)).to.deep.equal(['kept ban', 'older-store']);
      expect([...policy!.oppRankings.keys()]).to.deep.equal(['kept']);
    }
    expect((await drill.log(0)).filter(({ recovery }) => recovery)).to.have.length(1);
  });
});

import { TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { closeAfterEach } from '../support/closing.js';
import { runPostgresTool } from '../support/postgres-programs.js';
import { type PostgresServer, startPostgres, startStandby } from '../support/postgres.js';
import { Drill } from './support/drill.js';

const HEALED = /^the store came back older: .* put back/u;
const IN_NEW_EPOCH = /may have lost changes .* in a new epoch/u;

const run = promisify(execFile);

describe('three servers, one of which lags, on a PostgreSQL that comes back older', () => {
  const keep = closeAfterEach();

  async function start(flags: readonly string[] = []) {
    const postgres = keep(await startPostgres(), (it) => it.close());
    // A failover leads the proxies elsewhere.
    const target = { host: postgres.host, port: postgres.port };
    const store = (proxy?: { host: string; port: number }): string =>
      `postgres://postgres@${proxy!.host}:${proxy!.port}/postgres`;
    const drill = keep(await Drill.start({ store, target, servers: 3, flags }), (it) => it.close());
    await drill.write(0, 'kept');
    await drill.override(1, 'kept ban', 50);
    await drill.caughtUp(0, 1);
    await drill.caughtUp(2, 1);
    return { postgres, target, drill };
  }

  /** What comes after the point to which it will go back: all see the first part, the third server no more. */
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
    expect(reasons.slice(-6)).to.deep.equal([
      'seen by all',
      'seen ban',
      'written by the one that lags',
      'seen by two',
      'seen by one',
      'late ban',
    ]);
  }

  /** Puts the database back to what it holds now when called. */
  type Restore = () => Promise<void>;

  async function dump({ url, dir }: PostgresServer): Promise<Restore> {
    const file = join(dir, 'dump');
    await runPostgresTool('pg_dump', ['--format', 'custom', '--file', file, url]);
    const overWhatIsThere = ['--clean', '--if-exists', '--single-transaction'];
    return async () => {
      await runPostgresTool('pg_restore', [...overWhatIsThere, '--dbname', url, file]);
    };
  }

  /** Stops it meanwhile. */
  async function copyFiles(postgres: PostgresServer): Promise<Restore> {
    const copy = keep(`${postgres.dir}-copy`, (path) => run('rm', ['-r', path]));
    await postgres.stop();
    await run('cp', ['-a', postgres.dir, copy]);
    await postgres.restart();
    return async () => {
      await postgres.kill();
      await run('rm', ['-r', postgres.dir]);
      await run('cp', ['-a', copy, postgres.dir]);
      await postgres.restart();
    };
  }

  it('lose nothing when a dump is restored over it', async () => {
    const { postgres, drill } = await start();
    const restore = await dump(postgres);
    await writeOn(drill);
    await restore();
    await comeBack(drill);
  });

  it('lose nothing when an older copy of its files takes their place', async () => {
    const { postgres, drill } = await start();
    const restore = await copyFiles(postgres);
    await Promise.all([0, 1, 2].map((i) => drill.told(i, IN_NEW_EPOCH)));
    await writeOn(drill);
    await restore();
    await comeBack(drill);
  });

  it('lose nothing when it fails over to a standby that lagged', async () => {
    const { postgres, target, drill } = await start();
    const standby = keep(await startStandby(postgres), (it) => it.close());
    await standby.detach();
    await writeOn(drill);
    await postgres.kill();
    await standby.promote();
    target.port = standby.port;
    await comeBack(drill);
  });

  it('lose nothing when everything in it is dropped', async () => {
    const { postgres, drill } = await start();
    await writeOn(drill);
    await postgres.query('DROP SCHEMA public CASCADE');
    await postgres.query('CREATE SCHEMA public');
    await comeBack(drill);
  });

  it('lose nothing when its tables are emptied', async () => {
    const { postgres, drill } = await start();
    await writeOn(drill);
    await postgres.query('TRUNCATE policystore_heads, policystore_fields, policystore_log');
    await comeBack(drill);
  });

  it('lose nothing when all of them notice at once, and a great deal is gone', async () => {
    const { postgres, drill } = await start();
    const restore = await dump(postgres);
    await Promise.all(Array.from({ length: 1500 }, (_, i) => drill.write(i % 3, `W${i}`)));
    for (const i of [0, 1, 2]) drill.lag(i);
    await restore();
    for (const i of [0, 1, 2]) drill.release(i);
    await Promise.all([0, 1, 2].map((i) => drill.told(i, HEALED)));
    await drill.expectWhole();
  });

  it('go on in a new epoch when it restarts without a loss', async () => {
    const { postgres, drill } = await start();
    const before = await drill.version(0);
    await postgres.restart();
    await Promise.all([0, 1, 2].map((i) => drill.told(i, IN_NEW_EPOCH)));
    await drill.write(1, 'after');
    await drill.expectWhole();
    expect((await drill.version(0)).split(':')[0]).to.not.equal(before.split(':')[0]);
    expect((await drill.log(0)).filter(({ recovery }) => recovery)).to.have.length(1);
  });

  it('reduce trading instead where they are set to halt, and say what was not put back', async () => {
    const { postgres, drill } = await start(['--older-store', 'halt']);
    const restore = await dump(postgres);
    await drill.write(0, 'dropped');
    await drill.caughtUp(1, 0);
    await drill.caughtUp(2, 0);
    await restore();
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

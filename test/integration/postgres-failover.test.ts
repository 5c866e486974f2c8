import { Change } from '@policystore/client/proto';
import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import { GENESIS, StoreUnavailable, type NewEntry, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, following, idsOf, listOf, ROOMY } from '../conformance/harness.js';
import { closeAfterEach } from '../support/closing.js';
import { useEngines, wholeLog } from '../support/engine.js';
import {
  startPostgres,
  startStandby,
  type PostgresServer,
  type PostgresStandby,
} from '../support/postgres.js';
import { until } from '../support/process.js';
import { commitSurely, followSurely } from '../support/redis-commit.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf } from '../support/store-builders.js';
import { startProxy } from '../support/tcp-proxy.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('PostgreSQL: kill -9 and restart', () => {
  const keep = closeAfterEach();
  const start = useEngines();
  let server: PostgresServer;

  beforeEach(async () => {
    server = keep(await startPostgres(), (each) => each.close());
  });

  it('keeps every acknowledged change, and begins an epoch after each', async () => {
    const store = keep(createPostgresStore(server.url, ROOMY), (each) => each.close());
    const landed: NewEntry[] = [];
    const followed = followSurely(store, 'n', 30);
    for (let i = 0; i < 30; i++) {
      const head = headOf(landed.at(-1) ?? GENESIS);
      const next = entry(head, [['n', `${i}`]]);
      if (i % 10 === 5) {
        await server.kill();
        const refused = await rejection(store.commit('n', head, [next]), StoreUnavailable);
        expect(refused.message).to.match(/cannot be reached|Lost the connection|ended the session/);
        await server.restart();
        expect((await commitConflict(store, 'n', head, [next])).missed).to.equal('reload');
      }
      landed.push(await commitSurely(store, 'n', head, next));
    }
    expect(new Set(landed.map(({ epoch }) => epoch))).to.have.property('size', 4);
    const checkpoint = await store.load('n', ALL);
    expect(checkpoint?.recent.map(headOf)).to.deep.equal(landed.map(headOf));
    expect(checkpoint?.fields).to.deep.equal(new Map([['n', '29']]));
    expect(await followed).to.deep.equal(idsOf(landed));
  });

  it('applies a write once whose reply was lost by the kill', async () => {
    const proxy = keep(await startProxy(server), (each) => each.close());
    const url = server.url.replace(`:${server.port}`, `:${proxy.port}`);
    const open = (): PolicyStore => keep(createPostgresStore(url, ROOMY), (each) => each.close());
    const replicas = [await start({ store: open() }), await start({ store: open() })];
    for (let i = 0; i < 6; i++) {
      // The commit itself is on the disk, or not even that.
      const isLate = i % 2 === 0;
      if (isLate) proxy.dropReplies(1, (request) => request.includes('policystore_commit'));
      const write = (): Promise<unknown> =>
        replicas[i % 2]!.patch({ maxPositions: i + 1 }, { requestId: `r-${i}` });
      const written = write().catch((error: unknown) => error);
      if (isLate) await until(() => Promise.resolve(proxy.dropped === i / 2 + 1));
      await server.restart();
      await written;
      await until(write);
    }
    const log = await wholeLog(open());
    const requests = log.map(({ body }) => Change.decode(body).requestId).filter((id) => id !== '');
    expect(requests).to.deep.equal(Array.from({ length: 6 }, (_, i) => `r-${i}`));
    for (const replica of replicas) await until(async () => replica.policy().maxPositions === 6);
    expect(replicas[0]!.version()).to.deep.equal(replicas[1]!.version());
  });
});

describe('PostgreSQL: failover', () => {
  const keep = closeAfterEach();
  const start = useEngines();
  let primary: PostgresServer;
  let standby: PostgresStandby;
  let url: string;

  beforeEach(async () => {
    primary = keep(await startPostgres(), (each) => each.close());
    standby = keep(await startStandby(primary), (each) => each.close());
    url = `postgres://postgres@${primary.host}:${primary.port},${standby.host}:${standby.port}/postgres`;
  });

  function open(at = url, commandTimeoutMs = 1000): PolicyStore {
    return keep(createPostgresStore(at, ROOMY, { commandTimeoutMs }), (each) => each.close());
  }

  async function synchronous(names: string): Promise<void> {
    await primary.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
    await primary.query('SELECT pg_reload_conf()');
    await until(async () => {
      const [row] = await primary.query<{ value: string }>(
        `SELECT current_setting('synchronous_standby_names') AS value`,
      );
      return row?.value === names;
    });
  }

  async function promote(): Promise<void> {
    await standby.promote();
  }

  it('goes on with the promoted standby, every confirmed change kept', async () => {
    await synchronous('*');
    const store = open();
    const entries = chain(GENESIS, 10);
    const head = await append(store, 'n', GENESIS, entries, 1);
    const followed = followSurely(store, 'n', 20);

    await primary.kill();
    const refused = await rejection(store.commit('n', head, []), StoreUnavailable);
    expect(refused.message).to.match(
      /Lost the connection|ended the session|cannot be reached|takes no writes/,
    );
    const none = await rejection(store.commit('n', head, []), StoreUnavailable);
    expect(none.sent).to.equal(false);
    await promote();

    const first = await commitSurely(store, 'n', head, entry(head));
    expect(first.epoch).not.to.equal(head.epoch);
    const begun = [first, ...chain(first, 9)];
    await append(store, 'n', headOf(first), begun.slice(1), 1);
    expect(await followed).to.deep.equal(idsOf([...entries, ...begun]));
    const checkpoint = await open(standby.url).load('n', ALL);
    expect(checkpoint?.recent.map(headOf)).to.deep.equal([...entries, ...begun].map(headOf));
  });

  it('loses no acknowledged write of two servers, and applies none twice', async () => {
    await synchronous('*');
    const replicas = [await start({ store: open() }), await start({ store: open() })];
    const acknowledged = new Set<string>();
    let failedOver: Promise<void> | undefined;
    for (let i = 0; i < 40; i++) {
      const requestId = `r-${i}`;
      const written = until(() => replicas[i % 2]!.patch({ maxPositions: i + 1 }, { requestId }));
      if (i === 20) failedOver = primary.kill().then(promote);
      await written;
      acknowledged.add(requestId);
    }
    await failedOver;
    const log = await wholeLog(open());
    const requests = log.map(({ body }) => Change.decode(body).requestId).filter((id) => id !== '');
    expect(requests).to.deep.equal([...acknowledged]);
    for (const replica of replicas) await until(async () => replica.policy().maxPositions === 40);
    expect(replicas[0]!.version()).to.deep.equal(replicas[1]!.version());
  });

  it('does not acknowledge what the server was told to wait no longer for', async () => {
    const patient = open(url, 20_000);
    const first = entry(GENESIS);
    await commitOk(patient, 'n', GENESIS, [first]);
    await synchronous('*');
    await standby.stop();
    const stopWaiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    const [unknown] = await Promise.all([
      rejection(patient.commit('n', headOf(first), [entry(first)]), StoreUnavailable),
      until(async () => (await primary.query(stopWaiting)).length > 0),
    ]);
    expect(unknown.sent).to.equal(true);
    expect(unknown.message).to.match(/^The outcome is unknown, for PostgreSQL warns: cancel/);
  });

  describe('while the synchronous standby is away', () => {
    let store: PolicyStore;
    let next: NewEntry;
    let before: NewEntry;

    beforeEach(async () => {
      // As if the owner of the database preferred speed: the store asks for what was configured all the same.
      await primary.query('ALTER DATABASE postgres SET synchronous_commit = off');
      store = open(url, 2000);
      before = entry(GENESIS);
      await commitOk(store, 'n', GENESIS, [before]);
      next = entry(before);
      await synchronous('*');
      await standby.stop();
      // It neither acknowledges it, nor gives up as if it were not done.
      const unknown = await rejection(store.commit('n', headOf(before), [next]), StoreUnavailable);
      expect(unknown.sent).to.equal(true);
      expect(unknown.message).to.include('no reply within 2000 ms');
    });

    it('acknowledges nothing, and shows that a commit landed when the standby is back', async () => {
      expect((await store.load('n', ALL))?.head).to.deep.equal(headOf(before));
      await standby.restart();
      let missed: string[] = [];
      await until(async () => {
        const conflict = await commitConflict(store, 'n', headOf(before), [next]);
        missed = idsOf(listOf(conflict.missed));
      });
      expect(missed).to.deep.equal([next.id]);
    });

    it('commits once what the standby never got, when that takes over', async () => {
      await primary.kill();
      await standby.restart();
      await promote();
      const landed = await commitSurely(store, 'n', headOf(before), next);
      expect((await store.load('n', ALL))?.recent.map(headOf)).to.deep.equal([before, landed].map(headOf));
    });
  });

  it('confirms and takes nothing on a primary that became a standby, nor before an epoch began after that', async () => {
    const store = open(primary.url);
    const [first] = chain(GENESIS, 1);
    await commitOk(store, 'n', GENESIS, [first!]);
    const follower = following(store, 'n', headOf(first!));
    await follower.confirmed;
    await primary.stop();
    await rejection(follower.ended, StoreUnavailable);
    await writeFile(join(primary.dir, 'standby.signal'), '');
    await primary.restart();
    const next = entry(first!);
    const calls = [
      store.commit('n', headOf(first!), [next]),
      store.load('n', ALL),
      following(store, 'n', headOf(first!)).ended,
    ];
    for (const call of calls) {
      const refused = await rejection(call, StoreUnavailable);
      expect(refused.message).to.match(/takes no writes: it is a standby/);
      expect(refused.sent).to.equal(false);
    }
    await primary.query('SELECT pg_promote()');
    expect(await following(store, 'n', headOf(first!)).ended).to.equal('gap');
    const landed = await commitSurely(store, 'n', headOf(first!), next);
    expect(landed.epoch).not.to.equal(first!.epoch);
  });
});

import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import {
  GENESIS,
  MAX_PAGE_ENTRIES,
  StoreUnavailable,
  type Followed,
  type Head,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitOk, following, idsOf } from '../conformance/harness.js';
import { until } from '../support/process.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, epochEntry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };

describe('Redis: follow', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let writer: PolicyStore;
  let reader: PolicyStore;
  let namespace: string;
  let log: string;
  let state: string;

  beforeEach(async () => {
    server = await startRedis({ appendonly: false });
    proxy = await startProxy(server);
    writer = createRedisStore(server.url, BOUNDS);
    reader = createRedisStore(`redis://${proxy.host}:${proxy.port}`, BOUNDS, {
      pollMs: 50,
      commandTimeoutMs: 200,
    });
    namespace = uniqueNamespace();
    [state, log] = [`{policy:${namespace}}:state`, `{policy:${namespace}}:log`];
  });
  afterEach(async () => {
    await reader.close();
    await writer.close();
    await proxy.close();
    await server.close();
  });

  /** Answers of a follow, one by one. */
  function answers(after: Head): AsyncIterator<Followed | 'gap'> {
    return reader.follow(namespace, after, new AbortController().signal)[Symbol.asyncIterator]();
  }

  async function next(follow: AsyncIterator<Followed | 'gap'>): Promise<Followed> {
    const { value } = (await follow.next()) as { value: Followed | 'gap' | undefined };
    if (value === undefined || value === 'gap')
      return expect.fail(`expected an answer, got ${String(value)}`);
    return value;
  }

  it('confirms again and again while nothing happens, each time by a younger question', async () => {
    const follow = answers(GENESIS);
    let last = -Infinity;
    for (let i = 0; i < 5; i++) {
      const { entries, askedAt } = await next(follow);
      expect(entries).to.deep.equal([]);
      expect(askedAt).to.be.greaterThan(last).and.at.most(performance.now());
      last = askedAt;
    }
    await follow.return?.();
  });

  it('asks over one connection, however often', async () => {
    const connections = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await server.client.info('stats'))?.[1]);
    const before = await connections();
    // Not even a whole number of milliseconds, as a share of a lease may be.
    const hasty = createRedisStore(server.url, BOUNDS, { pollMs: 2.5 });
    const follow = hasty.follow(namespace, GENESIS, new AbortController().signal)[Symbol.asyncIterator]();
    for (let i = 0; i < 20; i++) await next(follow);
    expect(await connections()).to.equal(before + 1);
    await hasty.close();
  });

  it('claims to be up to date only where it is', async () => {
    const entries = chain(GENESIS, MAX_PAGE_ENTRIES + 1);
    await append(writer, namespace, GENESIS, entries);
    const follow = answers(GENESIS);
    const first = await next(follow);
    expect(first.entries).to.have.length(MAX_PAGE_ENTRIES);
    expect(first.askedAt).to.equal(-Infinity);
    const second = await next(follow);
    expect(second.entries).to.have.length(1);
    expect(second.askedAt).to.be.within(performance.now() - 60_000, performance.now());
    await follow.return?.();
  });

  it('counts the age of an answer from before it asked, however slow the way', async () => {
    const follow = answers(GENESIS);
    await next(follow);
    proxy.delay(60);
    const before = performance.now();
    await next(follow);
    const { askedAt } = await next(follow);
    expect(askedAt).to.be.at.least(before);
    expect(performance.now() - askedAt).to.be.at.least(115);
    await follow.return?.();
  });

  it('notices a line that swallows everything', async () => {
    const follow = answers(GENESIS);
    await next(follow);
    proxy.blackhole(true);
    const lost = await rejection(drain(follow), StoreUnavailable);
    expect(lost.message).to.include('no reply within');
  });

  it('notices a server that stands still', async () => {
    const follow = answers(GENESIS);
    await next(follow);
    server.process.freeze();
    await rejection(drain(follow), StoreUnavailable);
    server.process.thaw();
  });

  it('notices a server that died, and goes on from the last entry when an epoch began after it is back', async () => {
    const durable = await startRedis();
    const store = createRedisStore(durable.url, BOUNDS);
    const head = await append(store, namespace, GENESIS, chain(GENESIS, 3), 1);
    const first = epochEntry(head, 5);
    const follower = following(store, namespace);
    await follower.entries(3);

    await durable.kill();
    await rejection(follower.ended, StoreUnavailable);
    await rejection(following(store, namespace, head).ended, StoreUnavailable);
    await durable.restart();

    expect(await following(store, namespace, head).ended).to.equal('gap');
    const begun = [first, ...chain(first, 2)];
    await commitOk(store, namespace, head, [first]);
    const resumed = following(store, namespace, head);
    await append(store, namespace, headOf(first), begun.slice(1), 1);
    expect(idsOf(await resumed.entries(3))).to.deep.equal(idsOf(begun));
    await store.close();
    await durable.close();
  });

  it('stops at once when it is aborted while the server does not answer', async () => {
    const abort = new AbortController();
    const patient = createRedisStore(`redis://${proxy.host}:${proxy.port}`, BOUNDS, {
      commandTimeoutMs: 100_000,
      pollMs: 100_000,
    });
    const answersOf = (async () => {
      for await (const answer of patient.follow(namespace, GENESIS, abort.signal))
        expect(answer).not.to.equal('gap');
    })();
    await until(async () => proxy.connections === 1);
    proxy.blackhole(true);
    abort.abort();
    await answersOf;
    await patient.close();
  });

  describe('says gap when', () => {
    const WAYS: Record<string, () => Promise<unknown>> = {
      'all data vanished': () => server.client.flushall(),
      'state and log were deleted': () => server.client.del(state, log),
      'the state was deleted': () => server.client.del(state),
      'an older copy came back': async () => {
        const [older, olderLog] = [
          await server.client.dumpBuffer(state),
          await server.client.dumpBuffer(log),
        ];
        const [more] = chain({ epoch: 'e', revision: 3, id: head.id }, 1);
        await commitOk(writer, namespace, head, [more!]);
        await untilFollowed(more!.id);
        await server.client.restore(state, 0, older, 'REPLACE');
        await server.client.restore(log, 0, olderLog, 'REPLACE');
      },
      'another history took its place': async () => {
        await server.client.del(state, log);
        await append(writer, namespace, GENESIS, chain(GENESIS, 5), 2);
      },
      'the log lost an entry': async () => {
        await server.client.del(log);
        const more = chain(head, 2);
        await commitOk(writer, namespace, head, more.slice(0, 1));
        await untilFollowed(more[0]!.id);
        await server.client
          .multi()
          .xadd(log, '9-0', 'epoch', 'e', 'id', 'x', 'previous', 'y', 'time', '1', 'body', '')
          .hset(state, '@head', 'x', '@revision', '9')
          .exec();
      },
    };
    let head: Head;
    let seen: string[];
    const heard: (() => void)[] = [];

    async function untilFollowed(id: string): Promise<void> {
      while (!seen.includes(id)) await new Promise<void>((resolve) => heard.push(resolve));
    }

    for (const [name, happen] of Object.entries(WAYS)) {
      it(name, async () => {
        seen = [];
        head = await append(writer, namespace, GENESIS, chain(GENESIS, 3), 1);
        const ended = (async () => {
          for await (const answer of reader.follow(namespace, GENESIS, new AbortController().signal)) {
            if (answer === 'gap') return 'gap';
            seen.push(...idsOf(answer.entries));
            for (const hear of heard.splice(0)) hear();
          }
          return 'ended';
        })();
        await untilFollowed(head.id);
        await happen();
        expect(await ended).to.equal('gap');
      });
    }
  });

  it('goes on after the log alone was deleted, for the state still says what is newest', async () => {
    const entries = chain(GENESIS, 4);
    const head = await append(writer, namespace, GENESIS, entries.slice(0, 3), 1);
    const follower = following(reader, namespace, head);
    await follower.confirmed;
    await server.client.del(log);
    await commitOk(writer, namespace, head, entries.slice(3));
    expect(idsOf(await follower.entries(1))).to.deep.equal(idsOf(entries.slice(3)));
    await follower.stop();
    expect((await writer.load(namespace, BOUNDS))?.recent.map(headOf)).to.deep.equal([headOf(entries[3]!)]);
    expect(await writer.changes(namespace, { from: 1, to: 4 })).to.deep.equal({
      kind: 'compacted',
      oldest: 4,
    });
    expect(await server.client.hget(state, '@bytes')).to.equal(String(entries[3]!.body.byteLength));
  });

  it('confirms nothing on a server that has become a replica, nor after that before an epoch began', async () => {
    const [first] = chain(GENESIS, 1);
    await commitOk(writer, namespace, GENESIS, [first!]);
    const follow = answers(headOf(first!));
    await next(follow);
    await server.client.replicaof('127.0.0.1', 1);
    const lost = await rejection(drain(follow), StoreUnavailable);
    expect(lost.message).to.match(/is a replica|changed its role|Lost the connection/);
    const again = await rejection(drain(answers(headOf(first!))), StoreUnavailable);
    expect(again.message).to.include('is a replica');
    await server.client.replicaof('NO', 'ONE');
    expect(await drain(answers(headOf(first!)))).to.equal('gap');
    const begun = epochEntry(first!);
    await commitOk(writer, namespace, headOf(first!), [begun]);
    expect(idsOf((await next(answers(headOf(first!)))).entries)).to.deep.equal([begun.id]);
  });

  it('confirms nothing on a master that lost the replicas it must have', async () => {
    const follow = answers(GENESIS);
    await next(follow);
    await server.client.config('SET', 'min-replicas-to-write', 1);
    const lost = await rejection(drain(follow), StoreUnavailable);
    expect(lost.message).to.include('min-replicas-to-write');
    const refused = await rejection(writer.commit(namespace, GENESIS, [entry(GENESIS)]), StoreUnavailable);
    expect(refused.sent).to.equal(false);
  });
});

/** Reads answers until the follow fails or ends. */
async function drain(follow: AsyncIterator<Followed | 'gap'>): Promise<string> {
  for (;;) {
    const { done, value } = (await follow.next()) as { done?: boolean; value: Followed | 'gap' };
    if (done === true || value === 'gap') return done === true ? 'ended' : 'gap';
  }
}

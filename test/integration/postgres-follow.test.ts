import { expect } from 'chai';
import { Client } from 'pg';

import { createPostgresStore, type PostgresStoreOptions } from '../../server/src/store/postgres/store.js';
import {
  GENESIS,
  MAX_PAGE_ENTRIES,
  StoreUnavailable,
  type Followed,
  type Head,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitOk, following, idsOf, ROOMY } from '../conformance/harness.js';
import { closeAfterEach } from '../support/closing.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, epochEntry, headOf } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** No test waits so long: what is heard of is heard of by a notification. */
const NEVER_MS = 1_000_000;

describe('PostgreSQL: follow', () => {
  const keep = closeAfterEach();
  let server: PostgresServer;
  let url: string;
  let proxy: TcpProxy;
  let writer: PolicyStore;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());
  beforeEach(async () => {
    url = await server.createDatabase();
    proxy = keep(await startProxy(server), (each) => each.close());
    writer = keep(createPostgresStore(url, ROOMY), (store) => store.close());
  });

  /** A store whose line can be treated badly. */
  function reader(options: PostgresStoreOptions = {}): PolicyStore {
    const proxied = url.replace(`:${server.port}`, `:${proxy.port}`);
    return keep(createPostgresStore(proxied, ROOMY, options), (store) => store.close());
  }

  /** Answers of a follow, one by one. */
  function answers(store: PolicyStore, after: Head): AsyncIterator<Followed | 'gap'> {
    return store.follow('n', after, new AbortController().signal)[Symbol.asyncIterator]();
  }

  async function next(follow: AsyncIterator<Followed | 'gap'>): Promise<Followed> {
    const { value } = (await follow.next()) as { value: Followed | 'gap' | undefined };
    if (value === undefined || value === 'gap') {
      return expect.fail(`expected an answer, got ${String(value)}`);
    }
    return value;
  }

  /** The processes of sessions that listen. */
  async function ears(): Promise<number[]> {
    const name = new URL(url).pathname.slice(1);
    const sessions = await server.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND state = 'idle' AND query = 'LISTEN policystore'`,
    );
    return sessions.map(({ pid }) => pid);
  }

  async function ear(but?: number): Promise<number> {
    let pid: number | undefined;
    await until(async () => {
      pid = (await ears()).find((each) => each !== but);
      return pid !== undefined;
    });
    return pid!;
  }

  describe('hears', () => {
    it('of each commit at once, wherever it was made', async () => {
      const follower = following(reader({ pollMs: NEVER_MS }), 'n');
      await follower.confirmed;
      await ear();
      const entries = chain(GENESIS, 20);
      for (const [i, each] of entries.entries()) {
        await commitOk(writer, 'n', headOf(entries[i - 1] ?? GENESIS), [each]);
        await follower.entries(i + 1);
      }
      await follower.stop();
    });

    it('again at once, and of what came between, after the session that listened was terminated', async () => {
      const follower = following(reader({ pollMs: NEVER_MS }), 'n');
      const entries = chain(GENESIS, 60);
      let pid = await ear();
      for (const [i, each] of entries.entries()) {
        // Before, after, and beside a commit.
        const terminated = i % 3 === 0 ? server.query('SELECT pg_terminate_backend($1)', [pid]) : undefined;
        if (i % 2 === 0) await terminated;
        await commitOk(writer, 'n', headOf(entries[i - 1] ?? GENESIS), [each]);
        await follower.entries(i + 1);
        await terminated;
        if (terminated) pid = await ear(pid);
      }
      expect(idsOf(await follower.entries(60))).to.deep.equal(idsOf(entries));
      await follower.stop();
    });

    it('of what its own process commits, too, and of other namespaces nothing', async () => {
      const store = reader({ pollMs: NEVER_MS });
      const follower = following(store, 'n');
      await follower.confirmed;
      await ear();
      const entries = chain(GENESIS, 2);
      await commitOk(store, 'n', GENESIS, [entries[0]!]);
      await follower.entries(1);
      await commitOk(store, 'other', GENESIS, [entry(GENESIS)]);
      await commitOk(store, 'n', headOf(entries[0]!), [entries[1]!]);
      expect(idsOf(await follower.entries(2))).to.deep.equal(idsOf(entries));
      await follower.stop();
    });
  });

  describe('misses nothing', () => {
    it('where no notification arrives', async () => {
      const store = reader({ pollMs: 50, commandTimeoutMs: NEVER_MS });
      const follower = following(store, 'n');
      await follower.confirmed;
      const deaf = await ear();
      process.kill(deaf, 'SIGSTOP');
      try {
        const entries = chain(GENESIS, 10);
        await append(writer, 'n', GENESIS, entries, 1);
        expect(idsOf(await follower.entries(10))).to.deep.equal(idsOf(entries));
      } finally {
        process.kill(deaf, 'SIGCONT');
      }
      await follower.stop();
    });

    it('where the session that listens stands still, and another one listens soon', async () => {
      const follower = following(reader({ pollMs: 100, commandTimeoutMs: 500 }), 'n');
      await follower.confirmed;
      const deaf = await ear();
      process.kill(deaf, 'SIGSTOP');
      try {
        const [first] = chain(GENESIS, 1);
        await commitOk(writer, 'n', GENESIS, [first!]);
        await follower.entries(1);
        expect(await ear(deaf)).not.to.equal(deaf);
      } finally {
        process.kill(deaf, 'SIGCONT');
      }
      await follower.stop();
    });

    it('while its line is cut again and again, each time following from the last entry', async () => {
      const store = reader({ pollMs: 300 });
      const entries = chain(GENESIS, 40);
      const seen: string[] = [];
      const done = (async () => {
        let at: Head = GENESIS;
        await until(async () => {
          for await (const answer of store.follow('n', at, new AbortController().signal)) {
            if (answer === 'gap') expect.fail('a gap');
            seen.push(...idsOf(answer.entries));
            at = headOf(answer.entries.at(-1) ?? at);
            if (seen.length >= 40) return;
          }
          return false;
        });
      })();
      for (const [i, each] of entries.entries()) {
        await commitOk(writer, 'n', headOf(entries[i - 1] ?? GENESIS), [each]);
        if (i % 2 === 0) proxy.cut();
      }
      await done;
      expect(seen).to.deep.equal(idsOf(entries));
    });
  });

  it('confirms again and again while nothing happens, each time by a younger question', async () => {
    const follow = answers(reader({ pollMs: 50 }), GENESIS);
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
    // Not even a whole number of milliseconds, as a share of a lease may be.
    const hasty = reader({ pollMs: 2.5 });
    const follow = answers(hasty, GENESIS);
    await next(follow);
    await ear();
    const pids = `SELECT pid FROM pg_stat_activity WHERE datname = '${new URL(url).pathname.slice(1)}' ORDER BY pid`;
    const before = await server.query(pids);
    // The one that asks, the one that listens, and the one that looked at the tables.
    expect(before).to.have.length(3);
    for (let i = 0; i < 20; i++) await next(follow);
    expect(await server.query(pids)).to.deep.equal(before);
    await follow.return?.();
  });

  it('claims to be up to date only where it is', async () => {
    const entries = chain(GENESIS, MAX_PAGE_ENTRIES + 1);
    await append(writer, 'n', GENESIS, entries);
    const follow = answers(reader(), GENESIS);
    const first = await next(follow);
    expect(first.entries).to.have.length(MAX_PAGE_ENTRIES);
    expect(first.askedAt).to.equal(-Infinity);
    const second = await next(follow);
    expect(second.entries).to.have.length(1);
    expect(second.askedAt).to.be.within(performance.now() - 60_000, performance.now());
    await follow.return?.();
  });

  it('counts the age of an answer from before it asked, however slow the way', async () => {
    const follow = answers(reader({ pollMs: 50 }), GENESIS);
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
    const follow = answers(reader({ pollMs: 50, commandTimeoutMs: 200 }), GENESIS);
    await next(follow);
    proxy.blackhole(true);
    const lost = await rejection(drain(follow), StoreUnavailable);
    expect(lost.message).to.include('no reply within 1000 ms');
  });

  it('notices at once that the server died, and goes on from the last entry when an epoch began', async () => {
    const mortal = keep(await startPostgres(), (each) => each.close());
    const store = keep(createPostgresStore(mortal.url, ROOMY, { pollMs: NEVER_MS }), (each) => each.close());
    const head = await append(store, 'n', GENESIS, chain(GENESIS, 3), 1);
    const first = epochEntry(head, 5);
    const follower = following(store, 'n');
    await follower.entries(3);

    await mortal.kill();
    await rejection(follower.ended, StoreUnavailable);
    await rejection(following(store, 'n', head).ended, StoreUnavailable);
    await mortal.restart();

    expect(await following(store, 'n', head).ended).to.equal('gap');
    const begun = [first, ...chain(first, 2)];
    await commitOk(store, 'n', head, [first]);
    const resumed = following(store, 'n', head);
    await append(store, 'n', headOf(first), begun.slice(1), 1);
    expect(idsOf(await resumed.entries(3))).to.deep.equal(idsOf(begun));
    await resumed.stop();
  });

  it('stops at once when it is aborted while the server does not answer', async () => {
    const abort = new AbortController();
    const patient = reader({ commandTimeoutMs: 100_000, pollMs: NEVER_MS });
    proxy.blackhole(true);
    const over = (async () => {
      for await (const answer of patient.follow('n', GENESIS, abort.signal)) {
        expect(answer).not.to.equal('gap');
      }
    })();
    await until(async () => proxy.connections > 0);
    abort.abort();
    await over;
  });

  describe('says gap when', () => {
    const WAYS: Record<string, () => Promise<unknown>> = {
      'all data vanished': () => sql('TRUNCATE policystore_heads, policystore_fields, policystore_log'),
      'the head was deleted': () => sql('DELETE FROM policystore_heads'),
      'an older copy came back': async () => {
        await sql(
          'CREATE TABLE old_heads AS TABLE policystore_heads; CREATE TABLE old_log AS TABLE policystore_log',
        );
        await commitOk(writer, 'n', head, [entry(head)]);
        await sql(`
          BEGIN; DELETE FROM policystore_heads; DELETE FROM policystore_log;
          INSERT INTO policystore_heads TABLE old_heads; INSERT INTO policystore_log TABLE old_log; COMMIT`);
      },
      'another history took its place': async () => {
        await sql('TRUNCATE policystore_heads, policystore_fields, policystore_log');
        await append(writer, 'n', GENESIS, chain(GENESIS, 5), 2);
      },
      'the head was touched by hand': () => sql('UPDATE policystore_heads SET revision = revision'),
    };
    let head: Head;

    async function sql(text: string): Promise<void> {
      const client = new Client(url);
      await client.connect();
      await client.query(text).finally(() => client.end());
    }

    for (const [name, happen] of Object.entries(WAYS)) {
      it(name, async () => {
        head = await append(writer, 'n', GENESIS, chain(GENESIS, 3), 1);
        const follower = following(reader({ pollMs: 50 }), 'n');
        await follower.entries(3);
        await happen();
        expect(await follower.ended).to.equal('gap');
      });
    }
  });
});

/** Reads answers until the follow fails or ends. */
async function drain(follow: AsyncIterator<Followed | 'gap'>): Promise<string> {
  for (;;) {
    const { done, value } = (await follow.next()) as { done?: boolean; value: Followed | 'gap' };
    if (done === true || value === 'gap') return done === true ? 'ended' : 'gap';
  }
}

import { expect } from 'chai';
import { Client } from 'pg';

import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import { GENESIS, StoreUnavailable, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitOk, following, idsOf, ROOMY } from '../conformance/harness.js';
import { closeAfterEach } from '../support/closing.js';
import { useEngines, wholeLog } from '../support/engine.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

/** Sessions of the store. */
const OURS = `FROM pg_stat_activity WHERE application_name = 'policystore' AND datname = current_database()`;
const WAITING = `SELECT pid ${OURS} AND wait_event_type = 'Lock'`;

describe('PostgreSQL: when the server is in trouble', () => {
  const keep = closeAfterEach();
  const start = useEngines();
  let server: PostgresServer;
  let url: string;
  /** Somebody else's session in the same database. */
  let other: Client;
  let store: PolicyStore;
  let head: Head;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());
  beforeEach(async () => {
    url = await server.createDatabase();
    other = keep(new Client(url), (client) => client.end());
    await other.connect();
    store = open();
    head = await append(store, 'n', GENESIS, chain(GENESIS, 2), 1);
  });

  function open(commandTimeoutMs = 2000): PolicyStore {
    return keep(createPostgresStore(url, ROOMY, { commandTimeoutMs, pollMs: 50 }), (each) => each.close());
  }

  async function waiting(count: number): Promise<void> {
    await until(async () => (await other.query(WAITING)).rows.length === count);
  }

  const LOCKS: Record<string, string> = {
    'the row of its head': `SELECT FROM policystore_heads WHERE namespace = 'n' FOR UPDATE`,
    'the table of heads': 'LOCK TABLE policystore_heads IN EXCLUSIVE MODE',
    'the log, as VACUUM FULL does': 'LOCK TABLE policystore_log IN ACCESS EXCLUSIVE MODE',
  };
  for (const [name, lock] of Object.entries(LOCKS)) {
    it(`surely has not done a commit that gave up waiting for a lock on ${name}`, async () => {
      await other.query(`BEGIN; ${lock}`);
      const next = entry(head, [['f', '1']]);
      const refused = await rejection(store.commit('n', head, [next]), StoreUnavailable);
      expect(refused.message).to.match(
        /gave up a statement \(.*statement timeout\): .*holds a lock on the tables/,
      );
      expect(refused.sent).to.equal(false);
      await waiting(0);
      await other.query('COMMIT');
      expect((await store.load('n', ALL))?.head).to.deep.equal(head);
      await commitOk(store, 'n', head, [next]);
    });
  }

  it('commits what waits for a lock that is soon released', async () => {
    await other.query(`BEGIN; ${LOCKS['the row of its head']!}`);
    const next = entry(head);
    const outcome = store.commit('n', head, [next]);
    await waiting(1);
    await other.query('COMMIT');
    expect(await outcome).to.include({ kind: 'committed' });
  });

  it('reads and follows again after a lock that let nobody read', async () => {
    const hasty = open(300);
    const follower = following(hasty, 'n', head);
    await follower.confirmed;
    await other.query('BEGIN; LOCK TABLE policystore_heads, policystore_log IN ACCESS EXCLUSIVE MODE');
    await rejection(follower.ended, StoreUnavailable);
    await rejection(hasty.load('n', ALL), StoreUnavailable);
    await rejection(hasty.changes('n', { from: 1, to: 2 }), StoreUnavailable);
    await other.query('COMMIT');
    expect((await hasty.load('n', ALL))?.head).to.deep.equal(head);
    expect(await hasty.changes('n', { from: 1, to: 2 })).to.have.length(2);
    const again = following(hasty, 'n', head);
    const next = entry(head);
    await commitOk(store, 'n', head, [next]);
    expect(idsOf(await again.entries(1))).to.deep.equal([next.id]);
    await again.stop();
  });

  it('goes on after all its sessions were terminated, idle ones and busy ones', async () => {
    const namespaces = Array.from({ length: 15 }, uniqueNamespace);
    const heads = namespaces.map(() => entry(GENESIS));
    await Promise.all(namespaces.map((each, i) => commitOk(store, each, GENESIS, [heads[i]!])));
    await other.query('BEGIN; LOCK TABLE policystore_heads IN EXCLUSIVE MODE');
    // Ten wait for the lock, each on its connection, and five for a connection.
    const next = heads.map((each) => entry(each));
    const outcomes = Promise.allSettled(
      namespaces.map((each, i) => store.commit(each, headOf(heads[i]!), [next[i]!])),
    );
    await waiting(10);
    await other.query(`SELECT pg_terminate_backend(pid) ${OURS}`);
    await other.query('COMMIT');
    for (const [i, outcome] of (await outcomes).entries()) {
      if (i < 10) {
        const error = outcome.status === 'rejected' && (outcome.reason as unknown);
        expect(error).to.be.instanceOf(StoreUnavailable).and.include({ sent: true });
        expect((error as Error).message).to.match(/shutting down, or ended the session/);
        await commitOk(store, namespaces[i]!, headOf(heads[i]!), [next[i]!]);
      } else {
        expect(outcome).to.deep.include({ status: 'fulfilled' });
      }
      expect((await store.load(namespaces[i]!, ALL))?.head).to.deep.equal(headOf(next[i]!));
    }
  });

  it('loses no write and applies none twice while its sessions are terminated again and again', async () => {
    const replicas = [await start({ store: open() }), await start({ store: open() })];
    const versions: number[] = [];
    for (let i = 0; i < 100; i++) {
      const terminated = other.query(`SELECT pg_terminate_backend(pid) ${OURS}`);
      const { patch, version } = await replicas[i % 2]!.patch({ maxPositions: i + 1 });
      // Applied a second time, it would have changed nothing.
      expect(patch).to.include({ maxPositions: i + 1 });
      versions.push(version.revision);
      await terminated;
    }
    expect(versions).to.deep.equal(versions.map((_, i) => i + 2));
    expect(await wholeLog(open())).to.have.length(101);
    for (const replica of replicas) await until(async () => replica.version().revision === 101);
  });

  it('is closed at once while the server stands still', async () => {
    const patient = open(60_000);
    await commitOk(patient, 'n', head, []);
    const follower = following(patient, 'n', head);
    await follower.confirmed;
    const { rows } = await other.query<{ pid: number }>(`SELECT pid ${OURS}`);
    server.process.freeze();
    for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
    try {
      const next = entry(head);
      const calls = [
        patient.commit('n', head, [next]),
        // On a connection of its own, which nobody lets in.
        patient.commit('other', GENESIS, []),
        patient.load('n', ALL),
        patient.changes('n', { from: 1, to: 2 }),
        patient.announced('n'),
      ];
      const ends = Promise.allSettled(calls);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await patient.close();
      for (const end of await ends) {
        expect(end.status === 'rejected' && end.reason).to.be.instanceOf(StoreUnavailable);
      }
      expect(await follower.ended).to.equal('returned');
    } finally {
      for (const { pid } of rows) process.kill(pid, 'SIGCONT');
      server.process.thaw();
    }
  });
});

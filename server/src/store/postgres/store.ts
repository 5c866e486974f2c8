import type { ClientConfig } from 'pg';

import { systemClock, type Clock } from '../../clock.js';
import { createBellFollow } from '../bell-follow.js';
import { type LogBounds, type PolicyStore, StoreUnavailable } from '../store.js';
import { changesFrom } from './changes.js';
import { commitOn } from './commit.js';
import { durabilityWarnings } from './durability.js';
import { pageAfter } from './follow.js';
import { closedError, createLink, type Link, type LinkOptions } from './link.js';
import { type Listener, startListener } from './listener.js';
import { loadFrom } from './load.js';
import { announcedOn, announceOn } from './presence.js';
import { NoSchema } from './refusal.js';
import { migrate } from './schema.js';
import type { Session } from './session.js';
import { parsePostgresUrl, type PostgresTarget } from './url.js';

export interface PostgresStoreOptions {
  readonly clock?: Clock;
  /** How long a connection may take to open, and then a commit to be answered, in milliseconds. Default 1000. */
  readonly commandTimeoutMs?: number;
  /** The longest time between two confirmations of a follow, in milliseconds. Default 2000. */
  readonly pollMs?: number;
}

/** Commits have connections of their own, so that no read holds them up. */
const MAX_WRITERS = 10;
const MAX_READERS = 4;

/** Reads move up to MAX_PAGE_BYTES and more, and nobody's write waits for them. */
const READ_PATIENCE = 5;

/** Making the tables may wait for another server that makes them. */
const MIGRATION_PATIENCE = 30;

/** The server gives a statement up before the connection is given up, and then surely has not done it. */
const STATEMENT_SHARE = 0.8;

/**
 * A store in PostgreSQL. What others commit is heard of by NOTIFY, and found by asking even where that is lost.
 * @throws StoreUnusable if the URL is bad
 */
export function createPostgresStore(
  url: string,
  bounds: LogBounds,
  options: PostgresStoreOptions = {},
): PolicyStore {
  const { clock = systemClock, commandTimeoutMs: timeoutMs = 1000, pollMs = 2000 } = options;
  const readTimeoutMs = READ_PATIENCE * timeoutMs;
  const target = parsePostgresUrl(url);
  const where = `PostgreSQL, database ${target.database}`;
  const writers = link(MAX_WRITERS, timeoutMs);
  const readers = link(MAX_READERS, readTimeoutMs);
  const ears = link(1, timeoutMs, {
    onNotification(namespace) {
      followers.wake(namespace);
    },
    onLost() {
      listener?.check();
    },
  });
  const followers = createBellFollow(
    (namespace, after) => use(readers, (session) => pageAfter(session, namespace, after, clock), timeoutMs),
    { clock, everyMs: pollMs },
  );
  let schema: Promise<void> | undefined;
  let listener: Listener | undefined;
  let closed = false;

  function link(
    max: number,
    statementTimeoutMs: number,
    hears: Pick<LinkOptions, 'onNotification' | 'onLost'> = {},
  ): Link {
    return createLink({
      addresses: target.addresses,
      login: loginOf(target),
      clock,
      max,
      openTimeoutMs: timeoutMs,
      statementTimeoutMs: Math.ceil(STATEMENT_SHARE * statementTimeoutMs),
      ...hears,
    });
  }

  /** The tables are made before the first use, and again after they were found missing. */
  function prepared(): Promise<void> {
    schema ??= readers
      .run((session) => migrate(session, where), MIGRATION_PATIENCE * timeoutMs)
      .catch((error: unknown) => {
        schema = undefined;
        if (!(error instanceof StoreUnavailable)) throw error;
        // What the tables were for was not sent yet.
        throw new StoreUnavailable(error.message, { sent: false, cause: error });
      });
    return schema;
  }

  async function use<T>(by: Link, work: (session: Session) => Promise<T>, patienceMs: number): Promise<T> {
    if (closed) throw closedError();
    await prepared();
    try {
      return await by.run(work, patienceMs);
    } catch (error) {
      if (error instanceof NoSchema) schema = undefined;
      throw error;
    }
  }

  function listen(): void {
    if (listener) listener.check();
    else {
      listener = startListener({
        link: ears,
        clock,
        everyMs: pollMs,
        timeoutMs,
        onChange: () => {
          followers.wakeAll();
        },
      });
    }
  }

  return {
    connect: () => use(readers, (session) => durabilityWarnings(session, where), readTimeoutMs),
    load: (namespace, recent) =>
      use(readers, (session) => loadFrom(session, namespace, recent), readTimeoutMs),
    commit: (namespace, expected, entries) =>
      use(writers, (session) => commitOn(session, namespace, expected, entries, bounds), timeoutMs),
    changes: (namespace, range) =>
      use(readers, (session) => changesFrom(session, namespace, range), readTimeoutMs),
    follow(namespace, after, signal) {
      if (!closed) listen();
      return followers.follow(namespace, after, signal);
    },
    announce: (namespace, summary, ttlMs) =>
      use(readers, (session) => announceOn(session, namespace, summary, ttlMs), readTimeoutMs),
    announced: (namespace) => use(readers, (session) => announcedOn(session, namespace), readTimeoutMs),
    close() {
      closed = true;
      followers.end();
      listener?.stop();
      for (const each of [writers, readers, ears]) each.close();
      return Promise.resolve();
    },
  };
}

/** The driver takes what is missing or empty from the environment and from ~/.pgpass, so nothing is. */
function loginOf({ user, password, database, options, tls }: PostgresTarget): ClientConfig {
  return {
    user,
    password: () => password,
    database,
    application_name: 'policystore',
    options: options || ' ',
    sslnegotiation: 'postgres',
    ...{ replication: 'false' },
    ssl: tls !== undefined && {
      rejectUnauthorized: tls.verify !== 'none',
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
    },
  };
}

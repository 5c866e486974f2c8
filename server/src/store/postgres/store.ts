import type { ClientConfig } from 'pg';

import { systemClock, type Clock } from '../../clock.js';
import { createBellFollow } from '../bell-follow.js';
import { type LogBounds, type PolicyStore, StoreUnavailable, StoreUnusable } from '../store.js';
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
/** Those who ask what is new have theirs, so that who reads history does not keep a lease from being confirmed. */
const MAX_FOLLOWERS = 2;
const MAX_READERS = 4;

/** Reads move up to MAX_PAGE_BYTES and more, and nobody's write waits for them. */
const READ_PATIENCE = 5;

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
  const askers = link(MAX_FOLLOWERS, readTimeoutMs);
  const ears = link(1, timeoutMs, {
    onNotification(namespace) {
      followers.wake(namespace);
    },
    onLost() {
      listener?.check();
    },
  });
  const followers = createBellFollow(
    (namespace, after) => use(askers, (session) => pageAfter(session, namespace, after, clock)),
    { clock, everyMs: pollMs },
  );
  let schema: Promise<void> | undefined;
  let home: string | undefined;
  let listener: Listener | undefined;
  let closed = false;

  function link(
    max: number,
    answerMs: number,
    hears: Pick<LinkOptions, 'onNotification' | 'onLost'> = {},
  ): Link {
    return createLink({
      addresses: target.addresses,
      login: loginOf(target),
      clock,
      max,
      openTimeoutMs: timeoutMs,
      timeoutMs: answerMs,
      onSchema: stayHome,
      ...hears,
    });
  }

  /** Tables that are made anew in another schema would hide those that are there, and what they hold. */
  function stayHome(found: string, server: string): void {
    home ??= found;
    if (found === home) return;
    throw new StoreUnusable(
      `The search_path at ${server} now leads to the schema ${found} instead of ${home}, which is gone or no longer the ` +
        "user's to use: give it back, or restart the servers to begin in the other one",
    );
  }

  /** The tables are made before the first use, and again after they were found missing. */
  function prepared(): Promise<void> {
    schema ??= readers
      .run((session) => migrate(session, where))
      .catch((error: unknown) => {
        schema = undefined;
        if (!(error instanceof StoreUnavailable)) throw error;
        // What the tables were for was not sent yet.
        throw new StoreUnavailable(error.message, { sent: false, cause: error });
      });
    return schema;
  }

  async function use<T>(by: Link, work: (session: Session) => Promise<T>): Promise<T> {
    if (closed) throw closedError();
    await prepared();
    try {
      return await by.run(work);
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
        onChange: () => {
          followers.wakeAll();
        },
      });
    }
  }

  return {
    connect: () => use(readers, (session) => durabilityWarnings(session, where)),
    load: (namespace, recent) => use(readers, (session) => loadFrom(session, namespace, recent)),
    commit: (namespace, expected, entries) =>
      use(writers, (session) => commitOn(session, namespace, expected, entries, bounds)),
    changes: (namespace, range) => use(readers, (session) => changesFrom(session, namespace, range)),
    follow(namespace, after, signal) {
      if (!closed) listen();
      return followers.follow(namespace, after, signal);
    },
    announce: (namespace, summary, ttlMs) =>
      use(readers, (session) => announceOn(session, namespace, summary, ttlMs)),
    announced: (namespace) => use(readers, (session) => announcedOn(session, namespace)),
    close() {
      closed = true;
      followers.end();
      listener?.stop();
      for (const each of [writers, readers, askers, ears]) each.close();
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
    ...(options === '' ? hidden('PGOPTIONS', { options: ' ' }) : { options }),
    ...hidden('PGREPLICATION', { replication: 'false' }),
    sslnegotiation: 'postgres',
    ssl: tls !== undefined && {
      rejectUnauthorized: tls.verify !== 'none',
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
    },
  };
}

/** What keeps the driver from a variable of the environment. Where there is none it is left out, for poolers refuse it. */
function hidden(variable: string, login: object): object {
  return process.env[variable] === undefined ? {} : login;
}

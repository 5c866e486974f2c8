import { type ClientConfig, Pool, type PoolClient } from 'pg';

import type { Clock } from '../../clock.js';
import { StoreUnavailable } from '../store.js';
import { createEnding } from '../ending.js';
import { type Address, addressText } from '../server-url.js';
import { endsConnection, isCrowded, storeError } from './refusal.js';
import { prepareSession, type Session } from './session.js';

/** Some connections to whichever server takes the writes. */
export interface Link {
  /**
   * Runs `use` on a connection of its own, which is given up if that fails.
   * @throws StoreUnavailable (`sent` only once `use` began), StoreUnusable
   */
  run<T>(use: (session: Session) => Promise<T>): Promise<T>;
  /** Breaks every connection; what is under way fails with StoreUnavailable. The link stays closed. */
  close(): void;
}

export interface LinkOptions {
  /** Tried in turn until one takes writes. */
  readonly addresses: readonly Address[];
  /** How to get in, wherever that is. */
  readonly login: ClientConfig;
  readonly clock: Clock;
  /** How many connections there may be at once. */
  readonly max: number;
  /** How long a connection may take to open, or to come free, in milliseconds. */
  readonly openTimeoutMs: number;
  /** How long the answer to one statement may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Hears in which schema a new connection works, and throws where that will not do. */
  readonly onSchema: (schema: string, where: string) => void;
  /** What a connection that listens is told, at any time. */
  readonly onNotification?: (payload: string) => void;
  /** A connection was lost while nobody used it. */
  readonly onLost?: () => void;
}

interface CheckedOut {
  readonly client: PoolClient;
  readonly session: Session;
  readonly from: Pool;
  /** The server, in words. */
  readonly server: string;
}

/** What pg's pool says when all connections were in use for too long. */
const BUSY = 'timeout exceeded when trying to connect';

/** What it says when a new one was not open in time. */
const LATE = 'Connection terminated due to connection timeout';

export function createLink(options: LinkOptions): Link {
  const { addresses, login, clock, max, openTimeoutMs, timeoutMs } = options;
  const sessions = new WeakMap<PoolClient, Session>();
  const busy = new Set<PoolClient>();
  let turn = 0;
  let pool = openPool();
  // Who waits for a connection need not wait for it to open, or to come free.
  const ending = createEnding();

  function where(): string {
    return `PostgreSQL at ${addressText(addressAt(addresses, turn))}`;
  }

  function openPool(): Pool {
    const opened = new Pool({
      ...login,
      ...addressAt(addresses, turn),
      max,
      connectionTimeoutMillis: openTimeoutMs,
      idleTimeoutMillis: 0,
      keepAlive: true,
      allowExitOnIdle: true,
    });
    opened.on('error', () => options.onLost?.());
    opened.on('connect', (client) => {
      // Whoever uses a connection hears of its end by the answer that fails.
      client.on('error', () => undefined);
      client.on('notification', ({ payload = '' }) => options.onNotification?.(payload));
    });
    return opened;
  }

  /** Where one connection was lost, the others are no better: new ones are opened, to the next server if `isElsewhere`. */
  function giveUp(failed: Pool, isElsewhere: boolean): void {
    if (failed !== pool || ending.isOver) return;
    if (isElsewhere) turn += 1;
    pool = openPool();
    void failed.end();
  }

  /** A statement that takes too long ends the connection. */
  function sessionOf(client: PoolClient): Session {
    return {
      async query(statement, values, patienceMs = timeoutMs) {
        if (ending.isOver) throw closedError();
        let isLate = false as boolean;
        const cancel = clock.after(patienceMs, () => {
          isLate = true;
          breakOff(client);
        });
        busy.add(client);
        try {
          return await client.query(statement, values);
        } catch (error) {
          throw isLate ? lateError(patienceMs, error) : error;
        } finally {
          busy.delete(client);
          cancel();
        }
      },
      on: (event, hear) => client.on(event, hear),
      off: (event, hear) => client.off(event, hear),
    };
  }

  async function checkOut(): Promise<CheckedOut> {
    for (let tries = 1; ; tries += 1) {
      const from = pool;
      const server = where();
      let client: PoolClient | undefined;
      try {
        client = await connect(from);
        const session = await prepare(client, server);
        return { client, session, from, server };
      } catch (error) {
        client?.release(true);
        if (ending.isOver) throw closedError();
        if (error instanceof Error && error.message === BUSY) {
          // Who waited for one that was given up meanwhile waits for a new one.
          if (from !== pool) continue;
          throw new StoreUnavailable(`All ${max} connections to ${server} are in use`, { sent: false });
        }
        // Those that are open are as good as ever.
        if (isCrowded(error) && from.totalCount > 0) throw storeError(error, server, false);
        giveUp(from, true);
        if (tries >= addresses.length) throw storeError(error, server, false);
      }
    }
  }

  async function prepare(client: PoolClient, server: string): Promise<Session> {
    const known = sessions.get(client);
    if (known) return known;
    const session = sessionOf(client);
    const schema = await prepareSession(session, server, { timeoutMs, openTimeoutMs });
    options.onSchema(schema, server);
    sessions.set(client, session);
    return session;
  }

  async function connect(from: Pool): Promise<PoolClient> {
    const connecting = from.connect();
    try {
      const client = await ending.race(connecting);
      if (client !== undefined) return client;
    } catch (error) {
      throw error instanceof Error && error.message === LATE ? lateError(openTimeoutMs, error) : error;
    }
    connecting.then(
      (late) => {
        late.release(true);
      },
      () => undefined,
    );
    throw closedError();
  }

  return {
    async run(use) {
      if (ending.isOver) throw closedError();
      const { client, session, from, server } = await checkOut();
      try {
        const result = await use(session);
        client.release();
        return result;
      } catch (error) {
        client.release(true);
        const told = storeError(error, server, true);
        if (endsConnection(error)) giveUp(from, false);
        throw told;
      }
    },
    close() {
      if (ending.isOver) return;
      ending.end();
      for (const client of busy) breakOff(client);
      void pool.end();
    },
  };
}

function lateError(timeoutMs: number, cause: unknown): Error {
  return new Error(`no reply within ${timeoutMs} ms`, { cause });
}

export function closedError(): StoreUnavailable {
  return new StoreUnavailable('The store was closed', { sent: false });
}

/** Breaks a connection; a statement that is under way fails. */
function breakOff(client: PoolClient): void {
  client.end().catch(() => undefined);
}

function addressAt(addresses: readonly Address[], turn: number): Address {
  const address = addresses[turn % addresses.length];
  if (!address) throw new RangeError('a URL names at least one server');
  return address;
}

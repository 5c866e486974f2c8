import { type ClientConfig, Pool, type PoolClient } from 'pg';

import type { Clock } from '../../clock.js';
import { StoreUnavailable } from '../store.js';
import { type Address, addressText } from '../server-url.js';
import { endsConnection, isCrowded, storeError } from './refusal.js';
import { prepareSession, type Session } from './session.js';

/** Some connections to whichever server takes the writes. */
export interface Link {
  /**
   * Runs `use` on a connection of its own. If it fails, or is not done within `timeoutMs`, that connection is given up.
   * @throws StoreUnavailable (`sent` only once `use` began), StoreUnusable
   */
  run<T>(use: (session: Session) => Promise<T>, timeoutMs: number): Promise<T>;
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
  /** How long the server may run one statement, in milliseconds. */
  readonly statementTimeoutMs: number;
  /** What a connection that listens is told, at any time. */
  readonly onNotification?: (payload: string) => void;
  /** A connection was lost while nobody used it. */
  readonly onLost?: () => void;
}

interface CheckedOut {
  readonly client: PoolClient;
  readonly from: Pool;
  /** The server, in words. */
  readonly server: string;
}

/** What pg's pool says when all connections were in use for too long. */
const BUSY = 'timeout exceeded when trying to connect';

/** What it says when a new one was not open in time. */
const LATE = 'Connection terminated due to connection timeout';

export function createLink(options: LinkOptions): Link {
  const { addresses, login, clock, max, openTimeoutMs, statementTimeoutMs } = options;
  const prepared = new WeakSet<PoolClient>();
  const busy = new Set<PoolClient>();
  let turn = 0;
  let pool = openPool();
  let closed = false;
  let close: () => void = () => undefined;
  // Who waits for a connection need not wait for it to open, or to come free.
  const closing = new Promise<never>((_, reject) => {
    close = () => {
      reject(closedError());
    };
  });
  closing.catch(() => undefined);

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
    if (failed !== pool || closed) return;
    if (isElsewhere) turn += 1;
    pool = openPool();
    void failed.end();
  }

  /** Calls `work` and ends the connection if that takes too long. */
  async function within<T>(client: PoolClient, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    let isLate = false as boolean;
    const cancel = clock.after(timeoutMs, () => {
      isLate = true;
      breakOff(client);
    });
    busy.add(client);
    try {
      return await work();
    } catch (error) {
      throw isLate ? lateError(timeoutMs, error) : error;
    } finally {
      busy.delete(client);
      cancel();
    }
  }

  async function checkOut(): Promise<CheckedOut> {
    for (let tries = 1; ; tries += 1) {
      const from = pool;
      const server = where();
      let client: PoolClient | undefined;
      try {
        client = await connect(from);
        await prepare(client, server);
        return { client, from, server };
      } catch (error) {
        client?.release(true);
        if (closed) throw closedError();
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

  async function prepare(client: PoolClient, server: string): Promise<void> {
    if (prepared.has(client)) return;
    await within(client, openTimeoutMs, () => prepareSession(client, server, statementTimeoutMs));
    prepared.add(client);
  }

  async function connect(from: Pool): Promise<PoolClient> {
    const connecting = from.connect();
    try {
      return await Promise.race([connecting, closing]);
    } catch (error) {
      connecting.then(
        (client) => {
          client.release(true);
        },
        () => undefined,
      );
      throw error instanceof Error && error.message === LATE ? lateError(openTimeoutMs, error) : error;
    }
  }

  return {
    async run(use, timeoutMs) {
      if (closed) throw closedError();
      const { client, from, server } = await checkOut();
      try {
        const result = await within(client, timeoutMs, () => use(client));
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
      closed = true;
      close();
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

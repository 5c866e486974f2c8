import type { Clock } from '../../clock.js';
import { type Address, addressText } from '../server-url.js';
import { openConnection, type Connection } from './connection.js';
import { closedError, createLink, storeError, type Link } from './link.js';
import { createLocator } from './locate.js';
import { identify } from './run-id.js';
import { watchSentinels } from './sentinel-watch.js';
import type { RedisTarget } from './url.js';

/** Opens all connections of a store and remembers them, so that they can be closed together. */
export interface Network {
  /** `key` decides which node of a cluster the link leads to. */
  link(key: string): Link;
  /**
   * Runs `ask` on a connection of its own to each server that takes writes.
   * @throws StoreUnavailable or StoreUnusable
   */
  askMasters<T>(ask: (connection: Connection) => Promise<T>): Promise<T[]>;
  close(): void;
}

export function createNetwork(target: RedisTarget, clock: Clock, timeoutMs: number): Network {
  const links = new Set<Link>();
  const connections = new Set<Connection>();
  let stopWatching: (() => void) | undefined;
  let closed = false;

  /** Only the connections to the old master: those to the new one are sound already when the next Sentinel tells. */
  function leave(master: Address): void {
    for (const connection of connections) {
      if (addressText(connection.address) !== addressText(master)) continue;
      connection.destroy('the Sentinels switched to another master');
    }
  }

  function checkOpen(): void {
    if (closed) throw closedError();
  }

  async function open(address: Address, authenticate = true): Promise<Connection> {
    checkOpen();
    if (target.kind === 'sentinel') {
      stopWatching ??= watchSentinels(target, leave);
    }
    const { username, password, db, tls } = target;
    const options = authenticate
      ? { username, password, db, tls }
      : { username: '', password: '', db: 0, tls };
    const connection = await openConnection(address, options, clock, timeoutMs);
    for (const other of connections) if (!other.open) connections.delete(other);
    connections.add(connection);
    try {
      checkOpen();
    } catch (error) {
      connection.destroy('the store was closed');
      throw error;
    }
    return connection;
  }

  async function askNode<T>(
    address: Address,
    ask: (connection: Connection) => Promise<T>,
    authenticate = true,
  ): Promise<T> {
    const connection = await open(address, authenticate);
    try {
      return await ask(connection);
    } finally {
      connection.destroy('done');
    }
  }

  const locator = createLocator(target, askNode, timeoutMs);

  return {
    link(key) {
      checkOpen();
      const link = createLink({
        locate: () => locator.locate(key),
        open: async (address) => identify(await open(address), timeoutMs),
        redirects: target.kind === 'cluster',
        timeoutMs,
        onClose: () => links.delete(link),
      });
      links.add(link);
      return link;
    },
    async askMasters(ask) {
      try {
        const masters = await locator.masters();
        return await Promise.all(masters.map((address) => askNode(address, ask)));
      } catch (error) {
        throw storeError(error);
      }
    },
    close() {
      closed = true;
      for (const link of [...links]) link.close();
      stopWatching?.();
      for (const connection of connections) connection.destroy('the store was closed');
    },
  };
}

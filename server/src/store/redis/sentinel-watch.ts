import { Redis } from 'ioredis';

import type { Address } from '../server-url.js';
import type { RedisTarget } from './url.js';

/** How long until a Sentinel that cannot be reached is tried again. */
const RETRY_MS = 1000;

/**
 * Hears from the Sentinels when they switch to another master. After a planned failover the old one goes on taking
 * writes for some ten seconds, all of which are lost; whoever listens leaves it at once.
 * @param onSwitch hears of the old master, from each Sentinel in its own time.
 * @returns ends it
 */
export function watchSentinels(target: RedisTarget, onSwitch: (left: Address) => void): () => void {
  const clients = new Set<Redis>();
  let closed = false;

  function listen(sentinel: Address, authenticate: boolean): void {
    const client = new Redis({
      ...sentinel,
      ...(authenticate ? { username: target.username, password: target.password } : {}),
      protocol: 2,
      retryStrategy: () => RETRY_MS,
      maxRetriesPerRequest: null,
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    clients.add(client);
    // The locator says which Sentinels cannot be reached; one that listens is enough here.
    client.on('error', () => undefined);
    client.on('message', (_channel: string, message: string) => {
      const [name, host, port] = message.split(' ');
      if (name === target.masterName && host !== undefined) onSwitch({ host, port: Number(port) });
    });
    client.subscribe('+switch-master').catch((error: unknown) => {
      const wantsPassword = error instanceof Error && error.message.startsWith('NOAUTH');
      if (closed || authenticate || !wantsPassword) return;
      client.disconnect();
      clients.delete(client);
      listen(sentinel, true);
    });
  }

  for (const sentinel of target.addresses) listen(sentinel, false);
  return () => {
    closed = true;
    for (const client of clients) client.disconnect();
  };
}

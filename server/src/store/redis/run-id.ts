import { addressText } from '../server-url.js';
import { StoreUnusable } from '../store.js';
import { parseInfo } from './check.js';
import { handshake, type Connection } from './connection.js';
import { parseText } from './replies.js';

/**
 * A connection that leads to a server's data, and knows the id that Redis drew when it started that server. The
 * connection does not outlive the server, so the id holds as long.
 */
export interface ServerConnection extends Connection {
  readonly runId: string;
}

/**
 * Asks a server for its run id. Breaks the connection if there is none to be had.
 * @throws RedisRefusal, StoreUnusable, or StoreUnavailable (never `sent`)
 */
export async function identify(connection: Connection, timeoutMs: number): Promise<ServerConnection> {
  const reply = await handshake(connection, connection.send(['INFO', 'server'], timeoutMs));
  const runId = parseInfo(parseText(reply)).get('run_id');
  if (runId === undefined || runId === '') {
    connection.destroy('it has no run id');
    throw new StoreUnusable(
      `Redis at ${addressText(connection.address)} shows no run_id in INFO server: without it a restart that lost ` +
        'acknowledged changes would go unnoticed',
    );
  }
  return Object.assign(connection, { runId });
}

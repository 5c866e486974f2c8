import type { Address } from '../server-url.js';
import { StoreUnavailable } from '../store.js';
import { RedisRefusal } from './connection.js';
import { refusalError } from './refusal.js';
import type { ServerConnection } from './run-id.js';

/** More redirections than this in a row mean a cluster that contradicts itself. */
const MAX_REDIRECTIONS = 5;

/** After these the server is no longer the one to ask: look for it again. */
const ELSEWHERE = new Set(['READONLY', 'MASTERDOWN', 'UNBLOCKED', 'CLUSTERDOWN']);

/** The way to one key's server. It is opened by use, and opened anew after it broke or the key moved. */
export interface Link {
  /**
   * Runs `use` on an open connection, and again on another one where Redis redirects it. `use` sends one command,
   * or commands that may be sent twice.
   * @throws StoreUnavailable or StoreUnusable
   */
  run<T>(use: (connection: ServerConnection) => Promise<T>): Promise<T>;
  /** Breaks the connection; what is under way fails with StoreUnavailable. The link stays closed. */
  close(): void;
}

export interface LinkOptions {
  readonly locate: () => Promise<Address>;
  readonly open: (address: Address) => Promise<ServerConnection>;
  /** Whether MOVED and ASK are followed. */
  readonly redirects: boolean;
  readonly timeoutMs: number;
  readonly onClose: () => void;
}

export function createLink({ locate, open, redirects, timeoutMs, onClose }: LinkOptions): Link {
  let current: ServerConnection | undefined;
  let opening: Promise<ServerConnection> | undefined;
  let movedTo: Address | undefined;
  let closed = false;
  let close: () => void = () => undefined;
  // Who waits for a connection that opens slowly need not wait for it to end.
  const closing = new Promise<never>((_, reject) => {
    close = () => {
      reject(closedError());
    };
  });
  closing.catch(() => undefined);

  async function reopen(): Promise<ServerConnection> {
    const address = movedTo ?? (await locate());
    movedTo = undefined;
    const connection = await open(address);
    if (closed) connection.destroy('the store was closed');
    return connection;
  }

  async function connect(): Promise<ServerConnection> {
    if (closed) throw closedError();
    if (current?.open) return current;
    opening ??= reopen().finally(() => {
      opening = undefined;
    });
    current = await Promise.race([opening, closing]);
    return current;
  }

  async function follow<T>(
    use: (connection: ServerConnection) => Promise<T>,
    redirections: number,
  ): Promise<T> {
    const connection = await connect();
    try {
      return await use(connection);
    } catch (error) {
      if (!(error instanceof RedisRefusal)) throw error;
      const redirection = redirects ? parseRedirection(error) : undefined;
      if (redirection && redirections < MAX_REDIRECTIONS) {
        if (redirection.code === 'ASK') return await askOnce(redirection.address, use);
        movedTo = redirection.address;
        connection.destroy(error.message);
        return await follow(use, redirections + 1);
      }
      if (redirection || ELSEWHERE.has(error.code)) connection.destroy(error.message);
      throw error;
    }
  }

  /** A slot on its way to another node: what has moved already is served there to those who say ASKING. */
  async function askOnce<T>(address: Address, use: (connection: ServerConnection) => Promise<T>): Promise<T> {
    const connection = await open(address);
    try {
      return await use({
        ...connection,
        async send(command, commandTimeoutMs) {
          await connection.send(['ASKING'], timeoutMs);
          return await connection.send(command, commandTimeoutMs);
        },
      });
    } finally {
      connection.destroy('done');
    }
  }

  return {
    async run(use) {
      try {
        return await follow(use, 0);
      } catch (error) {
        throw storeError(error);
      }
    },
    close() {
      closed = true;
      close();
      current?.destroy('the store was closed');
      onClose();
    },
  };
}

export function closedError(): StoreUnavailable {
  return new StoreUnavailable('The store was closed', { sent: false });
}

/** What the store's callers see of an error. */
export function storeError(error: unknown): unknown {
  return error instanceof RedisRefusal ? refusalError(error) : error;
}

function parseRedirection({
  code,
  message,
  address,
}: RedisRefusal): { code: string; address: Address } | undefined {
  if (code !== 'MOVED' && code !== 'ASK') return undefined;
  const target = message.split(' ')[2] ?? '';
  const colon = target.lastIndexOf(':');
  // Without a name the same host is meant.
  const host = target.slice(0, colon).replace(/^\[|\]$/g, '') || address.host;
  return { code, address: { host, port: Number(target.slice(colon + 1)) } };
}

import { Redis } from 'ioredis';

import type { Clock } from '../../clock.js';
import { type Address, addressText } from '../server-url.js';
import { StoreUnavailable, StoreUnusable } from '../store.js';

export type Argument = string | number | Buffer;
export type Reply = Buffer | number | null | Reply[];

/** Redis answered with an error: nothing was done. Holds no arguments, for they may be secret. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal';
  /** The first word, such as READONLY. */
  readonly code: string;
  readonly address: Address;
  constructor(message: string, address: Address) {
    super(message.replace(/, with args beginning with: .*/s, ''));
    this.code = message.split(' ', 1)[0] ?? '';
    this.address = address;
  }
}

export interface ConnectionOptions {
  readonly username: string;
  readonly password: string;
  readonly db: number;
  readonly tls: boolean;
}

/**
 * One physical connection, used until it breaks and never again: a reply that comes too late can then never be
 * taken for the answer to a later command, and nothing is sent twice.
 */
export interface Connection {
  readonly address: Address;
  readonly open: boolean;
  /**
   * Commands may be sent without waiting for the replies of earlier ones. A command without a reply after
   * `timeoutMs` breaks the connection.
   * @throws RedisRefusal, or StoreUnavailable whose `sent` is false only if the command never left.
   */
  send(command: readonly [string, ...Argument[]], timeoutMs: number): Promise<Reply>;
  /** Breaks the connection at once; what waits for a reply fails with StoreUnavailable. */
  destroy(reason: string): void;
}

export async function openConnection(
  address: Address,
  options: ConnectionOptions,
  clock: Clock,
  timeoutMs: number,
): Promise<Connection> {
  const redis = new Redis({
    ...address,
    ...(options.tls ? { tls: {} } : {}),
    protocol: 2,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    disconnectTimeout: 0,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    disableClientInfo: true,
  });
  let cause: NodeJS.ErrnoException | undefined;
  redis.on('error', (error: Error) => {
    cause ??= error;
  });
  const connection = wrap(redis, address, clock, () => cause);
  // ioredis bounds the TCP connection only; a TLS handshake that stalls needs this timer too.
  const cancel = clock.after(timeoutMs, () => {
    connection.destroy('timed out');
  });
  try {
    await redis.connect();
  } catch {
    connection.destroy('unreachable');
    throw unreachable(address, cause);
  } finally {
    cancel();
  }
  await handshake(connection, introduce(connection, options, timeoutMs));
  return connection;
}

/** Waits for what must be asked before a connection can be used, and breaks it if that fails: no commit was sent. */
export async function handshake<T>(connection: Connection, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    connection.destroy('the handshake failed');
    if (error instanceof StoreUnavailable) {
      throw new StoreUnavailable(error.message, { sent: false, cause: error.cause });
    }
    throw error;
  }
}

async function introduce(
  connection: Connection,
  options: ConnectionOptions,
  timeoutMs: number,
): Promise<void> {
  const replies: Promise<Reply>[] = [];
  if (options.password !== '') {
    const user = options.username === '' ? [] : [options.username];
    replies.push(connection.send(['AUTH', ...user, options.password], timeoutMs));
  }
  if (options.db !== 0) replies.push(connection.send(['SELECT', options.db], timeoutMs));
  if (replies.length === 0) return;
  const failed = (await Promise.allSettled(replies)).find((reply) => reply.status === 'rejected');
  if (failed) throw failed.reason as Error;
}

function wrap(redis: Redis, address: Address, clock: Clock, cause: () => Error | undefined): Connection {
  const waiting = new Set<(error: StoreUnavailable) => void>();
  let broken = false;

  const connection: Connection = {
    address,
    get open() {
      return !broken && redis.status === 'ready';
    },
    send([name, ...args], timeoutMs) {
      if (!connection.open) {
        const message = `The connection to Redis at ${addressText(address)} is closed`;
        return Promise.reject(new StoreUnavailable(message, { sent: false }));
      }
      return new Promise<Reply>((resolve, reject) => {
        const cancel = clock.after(timeoutMs, () => {
          connection.destroy(`no reply within ${timeoutMs} ms`);
        });
        const fail = (error: Error): void => {
          waiting.delete(fail);
          cancel();
          reject(error);
        };
        waiting.add(fail);
        redis.callBuffer(name, args).then(
          (reply) => {
            waiting.delete(fail);
            cancel();
            resolve(reply as Reply);
          },
          (error: unknown) => {
            const message = error instanceof Error ? error.message : String(error);
            if (error instanceof Error && error.name === 'ReplyError') {
              fail(new RedisRefusal(message, address));
            } else {
              connection.destroy(cause()?.message ?? message);
            }
          },
        );
      });
    },
    destroy(reason) {
      if (broken) return;
      broken = true;
      const message = `Lost the connection to Redis at ${addressText(address)}: ${reason}`;
      for (const fail of [...waiting]) fail(new StoreUnavailable(message, { sent: true, cause: cause() }));
      redis.disconnect();
    },
  };
  redis.on('end', () => {
    connection.destroy(cause()?.message ?? 'closed by the other side');
  });
  return connection;
}

function unreachable(
  address: Address,
  cause: NodeJS.ErrnoException | undefined,
): StoreUnavailable | StoreUnusable {
  const code = cause?.code ?? 'no answer';
  if (/CERT|ALTNAME|SSL|SELF_SIGNED/.test(code)) {
    return new StoreUnusable(
      `Redis at ${addressText(address)}: TLS failed (${code}). Where the certificate has an authority of your own, ` +
        'name its file in NODE_EXTRA_CA_CERTS; where Redis has no TLS on this port, use redis://',
      { cause },
    );
  }
  return new StoreUnavailable(
    `Redis at ${addressText(address)} cannot be reached (${code}): start it, or correct POLICY_STORE`,
    { sent: false, cause },
  );
}

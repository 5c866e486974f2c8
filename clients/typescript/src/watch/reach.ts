import { once } from 'node:events';
import { connect } from 'node:net';

import { PolicyStoreError } from '../errors.js';

/** With a proxy, what is reached directly says nothing. */
const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy'];

/**
 * Resolves when a host takes connections: its kernel does, also for a program that has much to do. Rejects with
 * PolicyStoreError where it does not within `timeoutMs`, and with the signal's reason when it aborts.
 */
export async function reach(address: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (PROXIES.some((name) => (process.env[name] ?? '') !== '')) return;
  const [, host = '', port] = /^\[?(.+?)\]?:(\d+)$/.exec(address) ?? [];
  const socket = connect({ host, port: Number(port) });
  const timeout = AbortSignal.timeout(timeoutMs);
  const cancel = () => socket.destroy(new Error('cancelled'));
  timeout.addEventListener('abort', cancel);
  signal.addEventListener('abort', cancel);
  try {
    await once(socket, 'connect');
  } catch (error) {
    signal.throwIfAborted();
    const why = timeout.aborted ? `no connection after ${timeoutMs} ms` : String(error);
    throw new PolicyStoreError('UNAVAILABLE', `${address}: ${why}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', cancel);
    timeout.removeEventListener('abort', cancel);
    socket.destroy();
  }
}

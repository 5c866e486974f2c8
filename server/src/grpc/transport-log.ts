import { setLogger } from '@grpc/grpc-js';
import type { Logger } from 'pino';

/**
 * Sends what grpc-js writes to the console to the log: it tells of single bad requests there, so a hostile caller
 * could fill it.
 */
export function routeTransportLog(log: Logger): void {
  const write = (...parts: unknown[]): void => {
    log.debug({ from: 'grpc-js' }, parts.map(String).join(' '));
  };
  setLogger({ error: write, info: write, debug: write });
}

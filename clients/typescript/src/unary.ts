import { type CallOptions, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';

import { readError } from './errors.js';
import { start } from './start.js';

type Begin<R> = (
  options: CallOptions,
  done: (error: ServiceError | null, response: R) => void,
) => ClientUnaryCall;

/** One try of one call. Rejects with PolicyStoreError, or with the signal's reason. */
export async function callOnce<R>(begin: Begin<R>, timeoutMs: number, signal: AbortSignal): Promise<R> {
  signal.throwIfAborted();
  let cancel = (): void => undefined;
  try {
    return await new Promise<R>((resolve, reject) => {
      const call = start(() =>
        begin({ deadline: Date.now() + timeoutMs }, (error, response) => {
          if (error) reject(error);
          else resolve(response);
        }),
      );
      cancel = () => {
        call.cancel();
      };
      signal.addEventListener('abort', cancel, { once: true });
    });
  } catch (error) {
    signal.throwIfAborted();
    throw readError(error);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

import { PolicyStoreError } from './errors.js';

/**
 * Starts a call. None can be on a connection that was renewed since it was taken, as by somebody else who uses it: that
 * passes, for the next use of the address has another one.
 *
 * @throws PolicyStoreError UNAVAILABLE; what the function that is asked for a token is refused with.
 */
export function start<Call>(call: () => Call): Call {
  try {
    return call();
  } catch (error) {
    if (error instanceof PolicyStoreError) throw error;
    throw new PolicyStoreError('UNAVAILABLE', 'the connection was given up before the call began', {
      cause: error,
    });
  }
}

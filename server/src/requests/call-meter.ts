import type { PolicyError } from '../errors.js';

/** What a transport counts its calls with. Whatever it does is done for every call. */
export interface CallMeter {
  /** The meter of a method; asked for once. */
  method(name: string): MethodMeter;
  /** Somebody has read the policy of a namespace. */
  read(namespace: string, reader: string): void;
}

/** Counts the calls of one method when they are over. */
export interface MethodMeter {
  /**
   * @param code The status, such as `OK`.
   * @param ms How long it took. Absent for a stream, which lasts as long as its caller likes.
   */
  ended(code: string, ms?: number): void;
  /** As `ended`, with the reason. */
  failed(error: PolicyError, code: string, ms?: number): void;
}

import { expect } from 'chai';

/** The error of this class that a promise rejects with; anything else fails the test. */
export async function rejection<T extends Error>(
  promise: Promise<unknown>,
  type: abstract new (...args: never[]) => T,
): Promise<T> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof type) return error;
    throw error;
  }
  return expect.fail(`expected ${type.name}, got ${JSON.stringify(value)}`);
}

import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

const MAX_KEYS = 100;
const SECRET_MEMBERS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/** The public keys that JWTs are checked with. */
export interface KeySet {
  readonly keys: JWTVerifyGetKey;
  /** The same keys have the same. */
  readonly text: string;
  readonly count: number;
}

/**
 * A JSON Web Key Set (RFC 7517) of public keys.
 * @param source its file or address, for errors.
 * @throws Error that says how to mend it.
 */
export function parseKeySet(json: string, source: string): KeySet {
  let set: unknown;
  try {
    set = JSON.parse(json);
  } catch {
    // Its message would quote what is there.
    throw new Error(`${source} is no JSON`);
  }
  const keys = keysOf(set);
  if (keys === undefined || keys.length === 0 || keys.length > MAX_KEYS) {
    throw new Error(
      `${source} is no JSON Web Key Set; it must be {"keys": [...]} with 1 to ${MAX_KEYS} keys`,
    );
  }
  const secret = keys.findIndex((key) => SECRET_MEMBERS.some((member) => member in key));
  if (secret >= 0) {
    throw new Error(
      `${source}: key ${secret + 1} holds a secret; give public keys only, this server signs nothing`,
    );
  }
  return {
    keys: createLocalJWKSet({ keys } as JSONWebKeySet),
    text: JSON.stringify(keys),
    count: keys.length,
  };
}

function keysOf(set: unknown): readonly Record<string, unknown>[] | undefined {
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys))
    return undefined;
  const keys: readonly unknown[] = set.keys;
  return keys.every((key) => typeof key === 'object' && key !== null && 'kty' in key) ? keys : undefined;
}

const MAX_LENGTH = 128;
/** Whom the log calls by these, nobody can prove to be. */
const RESERVED = ['system', 'anonymous'];

/** What is wrong with a name as that of an identity, as the end of a sentence; undefined: nothing. */
export function nameProblem(name: string): string | undefined {
  if (name === '' || name.length > MAX_LENGTH) return `must have 1 to ${MAX_LENGTH} characters`;
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name)) return 'must have no control characters';
  if (name.trim() !== name) return 'must not begin or end with a space';
  if (RESERVED.includes(name)) return 'is reserved for what nobody proved to be';
  return undefined;
}

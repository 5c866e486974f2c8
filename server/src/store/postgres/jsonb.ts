/** What `JSON.stringify` escapes: a backslash, a lone half of a surrogate pair, or another character. */
const ESCAPE = /\\(?:(u0000|ud[89a-f]..)|.)/g;

/**
 * A value as JSON text that the type jsonb takes: U+FFFD is in the place of NUL and of lone halves of surrogate pairs, which
 * JSON can hold and no text of PostgreSQL. policystore_jsonb in 3-views.sql does the same.
 */
export function toJsonb(value: unknown): string {
  return JSON.stringify(value).replace(ESCAPE, (escape, refused) => (refused ? '\uFFFD' : escape));
}

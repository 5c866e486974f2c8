/**
 * A misspelt name would be something that silently does not happen.
 *
 * @param where What the names belong to, as a message begins: `the patch`.
 * @throws TypeError unless `input` is an object with no other names than the known ones.
 */
export function checkNames(
  where: string,
  kind: 'field' | 'option',
  input: unknown,
  known: readonly string[],
): void {
  const list = known.join(', ');
  if (typeof input !== 'object' || input === null || Symbol.iterator in input) {
    throw new TypeError(`${where} takes an object with ${list}`);
  }
  const unknown = Object.keys(input).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  const hint = near === undefined ? '' : ` did you mean ${JSON.stringify(near)}?`;
  throw new TypeError(`${where} has no ${kind} ${JSON.stringify(unknown)};${hint} it has ${list}`);
}

/** The known name with the fewest edits, where more than half of the name is left: for who mistyped one. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = name.length / 2;
  for (const candidate of known) {
    const edits = countEdits(name.toLowerCase(), candidate.toLowerCase());
    if (edits >= least) continue;
    best = candidate;
    least = edits;
  }
  return best;
}

/** Characters to insert, delete or replace (Levenshtein). */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 0; i < from.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j += 1) {
      const replaced = (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** @throws TypeError for a text, which would be spread into its characters. */
export function readNames<N extends string>(field: string, names: readonly N[] | undefined): N[] {
  if (typeof names === 'string') throw new TypeError(`${field} must be an array of names`);
  return [...(names ?? [])];
}

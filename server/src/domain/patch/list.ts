import type { ListPatch } from '@policystore/client/proto';

import type { Kind } from './kind.js';

/** A list of distinct names whose order is kept. Added names go to the end, in the order of the delta. */
export const list: Kind<string[], ListPatch> = {
  apply(names, delta) {
    const value = patched(names, delta);
    if (equal(names, value)) return undefined;
    return { value, delta: change(names, value), inverse: change(value, names) };
  },
  diff: (from, to) => (equal(from, to) ? undefined : change(from, to)),
  replacement: (names) => ({ clear: true, remove: [], add: [...names] }),
  equal,
  copy: (names) => [...names],
};

function patched(names: readonly string[], { clear, remove, add }: ListPatch): string[] {
  const result = new Set(clear ? [] : names);
  for (const name of remove) result.delete(name);
  for (const name of add) result.add(name);
  return [...result];
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
}

/**
 * Removing keeps the order of the rest and adding appends, so the most that can stay in place is the longest
 * prefix of `to` whose names stand in the same order in `from`.
 */
function change(from: readonly string[], to: readonly string[]): ListPatch {
  const remove: string[] = [];
  let kept = 0;
  for (const name of from) {
    if (name === to[kept]) kept++;
    else remove.push(name);
  }
  const add = to.slice(kept);
  if (remove.length + add.length <= 1 + to.length) return { clear: false, remove, add };
  return { clear: true, remove: [], add: [...to] };
}

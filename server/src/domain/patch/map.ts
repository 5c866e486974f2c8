import type { Kind } from './kind.js';

interface MapPatch<Value> {
  clear: boolean;
  remove: string[];
  put: Map<string, Value>;
}

/** A map by name. Without `clear`, the cost follows the delta and not the map. */
export function map<Value extends number | string>(
  settle: (value: Value) => Value,
): Kind<Map<string, Value>, MapPatch<Value>> {
  return {
    apply(entries, delta) {
      const { remove, put } = effect(entries, delta, settle);
      if (remove.length + put.size === 0) return undefined;
      const inverse = undo(entries, remove, put);
      for (const name of remove) entries.delete(name);
      for (const [name, value] of put) entries.set(name, value);
      return { value: entries, delta: smaller(remove, put, entries), inverse };
    },
    diff(from, to) {
      const { remove, put } = effect(from, { clear: true, remove: [], put: to }, settle);
      return remove.length + put.size === 0 ? undefined : smaller(remove, put, to);
    },
    replacement: (entries) => ({ clear: true, remove: [], put: new Map(entries) }),
    equal(a, b) {
      if (a.size !== b.size) return false;
      for (const [name, value] of a) if (b.get(name) !== value) return false;
      return true;
    },
    copy: (entries) => new Map(entries),
  };
}

/** What really changes: names that are there and go, values that are new or different. */
function effect<Value extends number | string>(
  entries: ReadonlyMap<string, Value>,
  delta: MapPatch<Value>,
  settle: (value: Value) => Value,
): { remove: string[]; put: Map<string, Value> } {
  const candidates = delta.clear ? entries.keys() : new Set(delta.remove);
  const remove: string[] = [];
  for (const name of candidates) {
    if (entries.has(name) && !delta.put.has(name)) remove.push(name);
  }
  const put = new Map<string, Value>();
  for (const [name, value] of delta.put) {
    if (entries.get(name) !== value) put.set(name, settle(value));
  }
  return { remove, put };
}

function undo<Value>(
  entries: ReadonlyMap<string, Value>,
  remove: readonly string[],
  put: ReadonlyMap<string, Value>,
): MapPatch<Value> {
  const added: string[] = [];
  const before = new Map<string, Value>();
  for (const name of [...remove, ...put.keys()]) {
    const value = entries.get(name);
    if (value === undefined) added.push(name);
    else before.set(name, value);
  }
  return smaller(added, before, entries);
}

/** Clearing counts as one step; `whole` is the map after the change. */
function smaller<Value>(
  remove: string[],
  put: Map<string, Value>,
  whole: ReadonlyMap<string, Value>,
): MapPatch<Value> {
  if (remove.length + put.size <= 1 + whole.size) return { clear: false, remove, put };
  return { clear: true, remove: [], put: new Map(whole) };
}

/** What the fields of a policy are made of. */
export const LISTS = ['allowed_strategies', 'allowed_symbols'];
export const MAPS = ['opp_rankings', 'model_versions'];
export const STRUCTS = ['system_health', 'custom_params'];

/**
 * The policy after a patch of the watch: in lists and maps clear, remove, then add or put; structs by JSON merge patch.
 * The given policy stays as it is, and what the patch does not touch is shared.
 */
export function applyPatch(policy, patch) {
  const next = { ...policy };
  for (const [field, part] of Object.entries(patch)) {
    if (LISTS.includes(field)) next[field] = patchedList(policy[field] ?? [], part);
    else if (MAPS.includes(field)) next[field] = patchedMap(policy[field] ?? {}, part);
    else if (STRUCTS.includes(field)) next[field] = mergePatch(policy[field] ?? {}, part);
    else next[field] = part;
  }
  return next;
}

function patchedList(list, { clear = false, remove = [], add = [] }) {
  const gone = new Set(remove);
  const kept = clear ? [] : list.filter((name) => !gone.has(name));
  return [...new Set([...kept, ...add])];
}

function patchedMap(map, { clear = false, remove = [], put = {} }) {
  const next = clear ? {} : { ...map };
  for (const name of remove) delete next[name];
  return Object.assign(next, put);
}

/** RFC 7396, of objects: null removes. */
export function mergePatch(target, patch) {
  const next = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else if (isObject(value)) next[key] = mergePatch(isObject(next[key]) ? next[key] : {}, value);
    else next[key] = value;
  }
  return next;
}

/** The merge patch that makes `after` of `before`. */
export function mergeDiff(before, after) {
  const patch = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const was = entryOf(before, key);
    if (sameJson(was, value)) continue;
    patch[key] = isObject(value) && isObject(was) ? mergeDiff(was, value) : value;
  }
  return patch;
}

/** A symbol, a model or a parameter may be called toString: only what is its own counts. */
export function entryOf(object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** By content; the order of members does not count. */
export function sameJson(a, b) {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}

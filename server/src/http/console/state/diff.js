import { FIELDS, LIMITS, strictness } from './fields.js';
import { entryOf, isObject, LISTS, MAPS, sameJson } from './patch.js';

/**
 * @typedef {object} Difference
 * @property {string} field
 * @property {string} key of an entry; empty for the field itself
 * @property {unknown} before undefined: it was not there
 * @property {unknown} after undefined: it is gone
 * @property {'tighter' | 'looser' | ''} direction
 */

/**
 * What differs between two policies, or between the same fields of two.
 * @returns {Difference[]}
 */
export function differences(before, after, fields = FIELDS) {
  return fields.flatMap((field) =>
    fieldDifferences(field, before?.[field] ?? undefined, after?.[field] ?? undefined),
  );
}

function fieldDifferences(field, before, after) {
  if (LISTS.includes(field)) return listDifferences(field, before ?? [], after ?? []);
  if (MAPS.includes(field)) return entryDifferences(field, before ?? {}, after ?? {});
  if (isObject(before) || isObject(after)) return leafDifferences(field, before ?? {}, after ?? {});
  if (sameJson(before, after)) return [];
  return [{ field, key: '', before, after, direction: directionOf(field, before, after) }];
}

function directionOf(field, before, after) {
  if (before === undefined || after === undefined) return '';
  if (field !== 'risk_mode' && field !== 'trading_state' && !LIMITS.includes(field)) return '';
  return strictness(field, after, before) < 0 ? 'tighter' : 'looser';
}

function listDifferences(field, before, after) {
  const had = new Set(before);
  const has = new Set(after);
  const gone = before
    .filter((name) => !has.has(name))
    .map((name) => ({ field, key: name, before: name, after: undefined, direction: 'tighter' }));
  const come = after
    .filter((name) => !had.has(name))
    .map((name) => ({ field, key: name, before: undefined, after: name, direction: 'looser' }));
  return [...gone, ...come];
}

function entryDifferences(field, before, after) {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys
    .map((key) => ({ field, key, before: entryOf(before, key), after: entryOf(after, key), direction: '' }))
    .filter((one) => !sameJson(one.before, one.after));
}

function leafDifferences(field, before, after, path = '') {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => {
    const at = path === '' ? key : `${path}.${key}`;
    const [was, is] = [entryOf(before, key), entryOf(after, key)];
    if (sameJson(was, is)) return [];
    if (isObject(was) && isObject(is)) return leafDifferences(field, was, is, at);
    return [{ field, key: at, before: was, after: is, direction: '' }];
  });
}

import { draftOf } from './drafts.js';
import { FIELDS, labelOf, strictness } from './fields.js';
import { entryOf, isObject, LISTS, MAPS, mergeDiff, mergePatch, sameJson, STRUCTS } from './patch.js';
import { mayWrite } from './session.js';
import { check, checkBounds, checkStructSize } from './validate.js';

/**
 * What a draft makes of the base as it is now.
 * @typedef {object} Judged
 * @property {boolean} changed whether it would change anything
 * @property {unknown} value of the field after it
 * @property {unknown} patch what to send for the field
 * @property {string[]} errors
 * @property {{ key: string, began: unknown, theirs: unknown, yours: unknown }[]} conflicts what somebody else changed
 *   since the typing began
 *
 * @returns {Judged}
 */
function judge(field, draft, base, { schema, bounds, rights }) {
  const judged = LISTS.includes(field)
    ? judgeList(field, draft, base)
    : MAPS.includes(field)
      ? judgeMap(field, draft, base)
      : STRUCTS.includes(field)
        ? judgeStruct(field, draft, base)
        : judgeScalar(field, draft, base);
  if (!judged.changed || judged.errors.length > 0) return judged;
  const rule = schema.properties[field];
  const errors = check(schema, rule, judged.value).map(({ path, message }) =>
    [path, message].filter(Boolean).join(' '),
  );
  const before = base[field];
  const isStricter = typeof before !== 'object' && strictness(field, judged.value, before) < 0;
  if (errors.length === 0 && !isStricter) errors.push(...checkBounds(bounds.fields[field], judged.value));
  if (errors.length === 0 && !mayWrite(rights, field) && loosens(field, before, judged.value)) {
    errors.push('you may only make this stricter');
  }
  return { ...judged, errors };
}

function loosens(field, before, after) {
  if (LISTS.includes(field)) return after.some((name) => !before.includes(name));
  return typeof before !== 'object' && strictness(field, after, before) > 0;
}

const unchanged = (value) => ({ changed: false, value, patch: undefined, errors: [], conflicts: [] });

function judgeScalar(field, { raw, began }, base) {
  const value = field === 'risk_mode' ? raw : numberOf(raw);
  if (value === undefined) {
    const message = raw.trim() === '' ? 'is required' : `must be a number, got "${raw}"`;
    return { changed: true, value: raw, patch: raw, errors: [message], conflicts: [] };
  }
  if (sameJson(value, base[field])) return unchanged(value);
  return {
    changed: true,
    value,
    patch: value,
    errors: [],
    conflicts: conflictOf('', began.value, base[field], value),
  };
}

function conflictOf(key, began, theirs, yours) {
  return sameJson(began, theirs) ? [] : [{ key, began, theirs, yours }];
}

/** A decimal comma is understood too. */
function numberOf(raw) {
  const text = raw.trim().replace(/^([+-]?\d*),(\d+)$/, '$1.$2');
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function judgeList(field, { add, remove }, base) {
  const gone = new Set(remove);
  const value = [...new Set([...base[field].filter((name) => !gone.has(name)), ...add])];
  if (sameJson(value, base[field])) return unchanged(value);
  return { changed: true, value, patch: value, errors: [], conflicts: [] };
}

function judgeMap(field, { put, remove, began }, base) {
  const patch = {};
  const errors = [];
  for (const key of remove) if (Object.hasOwn(base[field], key)) patch[key] = null;
  for (const [key, raw] of Object.entries(put)) {
    const value = field === 'opp_rankings' ? numberOf(raw) : raw;
    if (value === undefined) errors.push(`${key} must be a number between 0 and 1, got "${raw}"`);
    else if (!sameJson(value, entryOf(base[field], key))) patch[key] = value;
  }
  if (Object.keys(patch).length === 0 && errors.length === 0) return unchanged(base[field]);
  const conflicts = Object.entries(patch).flatMap(([key, value]) =>
    conflictOf(key, entryOf(began, key) ?? undefined, entryOf(base[field], key), value ?? undefined),
  );
  return { changed: true, value: mergePatch(base[field], patch), patch, errors, conflicts };
}

function judgeStruct(field, { raw, began }, base) {
  let wanted;
  try {
    wanted = JSON.parse(raw);
  } catch (error) {
    return { changed: true, value: raw, patch: raw, errors: [jsonError(error, raw)], conflicts: [] };
  }
  if (!isObject(wanted)) {
    return { changed: true, value: raw, patch: raw, errors: ['must be an object: { … }'], conflicts: [] };
  }
  const patch = mergeDiff(began.value, wanted);
  const value = mergePatch(base[field], patch);
  if (sameJson(value, base[field])) return unchanged(value);
  const conflicts = Object.keys(patch).flatMap((key) =>
    conflictOf(key, entryOf(began.value, key), entryOf(base[field], key), entryOf(wanted, key)),
  );
  return { changed: true, value, patch, errors: checkStructSize(value), conflicts };
}

function jsonError({ message }, text) {
  const position = Number(/position (\d+)/.exec(message)?.[1] ?? NaN);
  if (Number.isNaN(position)) return `is not JSON: ${message}`;
  const before = text.slice(0, position).split('\n');
  return `is not JSON: line ${before.length}, column ${before.at(-1).length + 1}`;
}

/** All drafts of a namespace that would change something, judged. */
export function judgeAll(namespace, base, context) {
  return FIELDS.flatMap((field) => {
    const draft = draftOf(namespace, field);
    if (draft === undefined) return [];
    const judged = judge(field, draft, base, context);
    return judged.changed ? [{ field, label: labelOf(field), ...judged }] : [];
  });
}

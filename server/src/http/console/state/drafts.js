import { FIELDS, labelOf, strictness } from './fields.js';
import { isObject, LISTS, MAPS, mergeDiff, mergePatch, sameJson, STRUCTS } from './patch.js';
import { mayWrite } from './session.js';
import { forgetTyped, keepTyped, typed } from './typed.js';
import { check, checkBounds, checkStructSize } from './validate.js';

/**
 * A draft is what was typed for one field, and what the field was when the typing began, so that a foreign change in
 * between can be told from one's own. Lists and maps keep what to add and what to remove: that holds over any base.
 */
const nameOf = (namespace, field) => `draft:${namespace}:${field}`;

export function draftOf(namespace, field) {
  return typed.get()[nameOf(namespace, field)];
}

export function keepDraft(namespace, field, draft) {
  keepTyped(nameOf(namespace, field), draft);
}

export function discardDraft(namespace, field) {
  keepTyped(nameOf(namespace, field), undefined);
}

export function discardDrafts(namespace) {
  forgetTyped(`draft:${namespace}:`);
}

/** Types into a scalar or a struct: `raw` is the text as it stands in the input. */
export function typeText(namespace, field, raw, base) {
  const began = draftOf(namespace, field)?.began ?? { value: base[field] };
  keepDraft(namespace, field, { raw, began });
}

/** Adds names to a list, or takes back that they were to go. */
export function addNames(namespace, field, names, base) {
  const { add = [], remove = [] } = draftOf(namespace, field) ?? {};
  const fresh = names.filter((name) => !base[field].includes(name));
  settle(namespace, field, {
    add: [...new Set([...add, ...fresh])],
    remove: remove.filter((name) => !names.includes(name)),
  });
}

export function removeName(namespace, field, name, base) {
  const { add = [], remove = [] } = draftOf(namespace, field) ?? {};
  settle(namespace, field, {
    add: add.filter((one) => one !== name),
    remove: base[field].includes(name) ? [...new Set([...remove, name])] : remove,
  });
}

function settle(namespace, field, draft) {
  const isEmpty = draft.add.length === 0 && draft.remove.length === 0;
  keepDraft(namespace, field, isEmpty ? undefined : draft);
}

/** Types the value of one entry of a map. */
export function typeEntry(namespace, field, key, raw, base) {
  editEntries(namespace, field, key, base, (draft) => ({ ...draft, put: { ...draft.put, [key]: raw } }));
}

export function removeEntry(namespace, field, key, base) {
  editEntries(namespace, field, key, base, (draft) => ({ ...draft, remove: [...draft.remove, key] }));
}

/** Forgets what was typed for one entry. */
export function undoEntry(namespace, field, key) {
  editEntries(namespace, field, key, undefined, (draft) => draft);
}

function editEntries(namespace, field, key, base, edit) {
  const { put = {}, remove = [], began = {} } = draftOf(namespace, field) ?? {};
  const without = {
    put: omit(put, key),
    remove: remove.filter((one) => one !== key),
    began: base === undefined ? omit(began, key) : began,
  };
  if (base !== undefined && !Object.hasOwn(began, key)) {
    without.began = { ...began, [key]: base[field][key] ?? null };
  }
  const draft = edit(without);
  const isEmpty = Object.keys(draft.put).length === 0 && draft.remove.length === 0;
  keepDraft(namespace, field, isEmpty ? undefined : draft);
}

function omit(object, key) {
  const { [key]: _, ...rest } = object;
  return rest;
}

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
export function judge(field, draft, base, { schema, bounds, rights }) {
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
    else if (!sameJson(value, base[field][key])) patch[key] = value;
  }
  if (Object.keys(patch).length === 0 && errors.length === 0) return unchanged(base[field]);
  const conflicts = Object.entries(patch).flatMap(([key, value]) =>
    conflictOf(key, began[key] ?? undefined, base[field][key], value ?? undefined),
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
    conflictOf(key, began.value[key], base[field][key], wanted[key]),
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

/** Takes what somebody else wrote as what the typing began from: one's own change then stands on it. */
export function acceptTheirs(namespace, field, base) {
  const draft = draftOf(namespace, field);
  if (MAPS.includes(field)) {
    const began = Object.fromEntries(Object.keys(draft.began).map((key) => [key, base[field][key] ?? null]));
    keepDraft(namespace, field, { ...draft, began });
  } else if (STRUCTS.includes(field)) {
    const merged = mergePatch(base[field], mergeDiff(draft.began.value, JSON.parse(draft.raw)));
    keepDraft(namespace, field, { raw: JSON.stringify(merged, null, 2), began: { value: base[field] } });
  } else {
    keepDraft(namespace, field, { ...draft, began: { value: base[field] } });
  }
}

import { entryOf, MAPS, mergeDiff, mergePatch, STRUCTS } from './patch.js';
import { forgetTyped, keepTyped, typed } from './typed.js';

/**
 * A draft is what was typed for one field, and what the field was when the typing began, so that a foreign change in
 * between can be told from one's own. Lists and maps keep what to add and what to remove: that holds over any base.
 */
const nameOf = (namespace, field) => `draft:${namespace}:${field}`;

export function draftOf(namespace, field) {
  return typed.get()[nameOf(namespace, field)];
}

function keepDraft(namespace, field, draft) {
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
  keepDraft(namespace, field, raw === textOf(base[field]) ? undefined : { raw, began });
}

/** A scalar or a struct as it stands in an input. */
export function textOf(value) {
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
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
    without.began = { ...began, [key]: entryOf(base[field], key) ?? null };
  }
  const draft = edit(without);
  const isEmpty = Object.keys(draft.put).length === 0 && draft.remove.length === 0;
  keepDraft(namespace, field, isEmpty ? undefined : draft);
}

function omit(object, key) {
  const { [key]: _, ...rest } = object;
  return rest;
}

/** Takes what somebody else wrote as what the typing began from: one's own change then stands on it. */
export function acceptTheirs(namespace, field, base) {
  const draft = draftOf(namespace, field);
  if (MAPS.includes(field)) {
    const began = Object.fromEntries(
      Object.keys(draft.began).map((key) => [key, entryOf(base[field], key) ?? null]),
    );
    keepDraft(namespace, field, { ...draft, began });
  } else if (STRUCTS.includes(field)) {
    const merged = mergePatch(base[field], mergeDiff(draft.began.value, JSON.parse(draft.raw)));
    keepDraft(namespace, field, { raw: textOf(merged), began: { value: base[field] } });
  } else {
    keepDraft(namespace, field, { ...draft, began: { value: base[field] } });
  }
}

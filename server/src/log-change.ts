import { type Change, ChangeKind, type OverridesChange, type Recovery } from '@policystore/client/proto';

import { type FieldDelta, fieldChanges } from './domain/field-changes.js';
import { bareObject, isJsonObject } from './domain/json.js';
import type { Json, JsonObject } from './domain/policy.js';
import { formatVersion } from './engine/change.js';
import { describeLimits, describeOverride } from './log-override.js';
import { shorten, some } from './log-text.js';

const MAX_LINE = 600;
const MAX_NAME = 128;
const MAX_REASON = 160;
const MAX_VALUE = 40;

/** What a person should see at a glance. */
const VERBS: ReadonlyMap<ChangeKind, string> = new Map([
  [ChangeKind.UPDATE, 'replaced'],
  [ChangeKind.RESET, 'reset'],
  [ChangeKind.ROLLBACK, 'rolled back'],
  [ChangeKind.RECOVER, 'recovered'],
  [ChangeKind.OVERRIDE, 'in force'],
  [ChangeKind.RESTORE, 'restored'],
  [ChangeKind.EXPIRE, 'expired'],
]);

/**
 * One change in one line: who, what from and to, and why. Its length is bounded, and nothing that a writer sent
 * can break the line.
 */
export function describeChange(namespace: string, version: string, change: Change): string {
  const { patch, inverse, recovery, overrides, origin } = change;
  const what = [
    ...(recovery === undefined ? [] : [describeRecovery(recovery)]),
    ...(patch === undefined ? [] : fieldChanges(patch, inverse).map(describeField)),
    ...(overrides === undefined ? [] : describeOverrides(overrides)),
  ];
  const lost = origin?.version === undefined ? '' : ` (put back, was ${formatVersion(origin.version)})`;
  const reason = change.reason === '' ? '' : ` (${shorten(change.reason, MAX_REASON)})`;
  const head = `${headline(change)}: ${namespace} ${version}${lost} by ${shorten(change.actor, MAX_NAME)}: `;
  return head + shorten(what.join(', '), MAX_LINE - head.length) + reason;
}

function headline({ kind, overrides, rollbackTo }: Change): string {
  const verb = VERBS.get(kind) ?? 'changed';
  const { before = [], after = [] } = overrides ?? {};
  const [override] = [...after, ...before];
  if (kind === ChangeKind.ROLLBACK && rollbackTo !== undefined) {
    return `policy ${verb} to ${formatVersion(rollbackTo)}`;
  }
  if (override === undefined || kind === ChangeKind.RECOVER) return `policy ${verb}`;
  const isTightened = kind === ChangeKind.OVERRIDE && before.length > 0;
  return `override ${shorten(override.name, MAX_NAME)} ${isTightened ? 'tightened' : verb}`;
}

function describeRecovery({ store, held, halted }: Recovery): string {
  const found = `the store came back ${store === undefined ? 'empty' : `at ${formatVersion(store)}`}`;
  if (held === undefined) return `${found}, nothing newer was held here`;
  return `${found}, ${formatVersion(held)} was held here and is ${halted ? 'not put back' : 'put back'}`;
}

function describeOverrides({ before, after }: OverridesChange): string[] {
  if (after.length > 0) return after.flatMap(describeOverride);
  return before.map((override) => `no longer ${describeLimits(override).join(', ')}`);
}

function describeField({ field, before, after }: FieldDelta): string {
  if (Array.isArray(before) || Array.isArray(after)) return describeList(field, before, after);
  if (isJsonObject(before) || isJsonObject(after)) {
    return some(transitions(field, before, after), ', ', (show) => show());
  }
  return transition(field, before, after);
}

function describeList(name: string, before: Json | undefined, after: Json | undefined): string {
  const [gone, come] = [namesOf(before), namesOf(after)];
  // A name stands on both sides only where the list was reordered.
  if (gone[0] !== undefined && come.includes(gone[0])) return `${name} reordered`;
  return `${name} ${some([...come.map((each) => `+${each}`), ...gone.map((each) => `-${each}`)], ' ')}`;
}

function namesOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Worked out only when shown: there may be thousands. */
function transitions(path: string, before: Json | undefined, after: Json | undefined): (() => string)[] {
  const [old, now] = [membersOf(before), membersOf(after)];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].flatMap((key) => {
    const inner = `${path}.${key}`;
    const [was, is] = [old[key], now[key]];
    if (isJsonObject(was) && isJsonObject(is)) return transitions(inner, was, is);
    return [() => transition(inner, was, is)];
  });
}

function membersOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : bareObject();
}

function transition(name: string, before: Json | undefined, after: Json | undefined): string {
  return `${name} ${show(before)} -> ${show(after)}`;
}

function show(value: Json | undefined): string {
  if (value === undefined) return 'none';
  return shorten(typeof value === 'string' ? value : JSON.stringify(value), MAX_VALUE);
}

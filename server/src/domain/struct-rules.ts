import { isJsonObject, withoutNulls } from './json.js';
import type { JsonObject } from './policy.js';
import { check } from './rules.js';
import { type Finding, shown } from './violation.js';

const MAX_LEVELS = 16;
/** A struct may have this many bytes as JSON. */
export const MAX_STRUCT_BYTES = 64 * 1024;

type Path = (string | number)[];

/**
 * Checks a struct or its merge patch, whose nulls outside arrays remove. The depth is bounded before anything
 * recurses, which is why the schema's own recursion is not used.
 */
export function checkMembers(value: unknown, path: Finding['path']): Finding[] {
  const findings: Finding[] = [];
  if (isJsonObject(value)) walkObject(value, [...path], 1, false, findings);
  else findings.push({ path, description: `must be an object, got ${shown(value)}`, kind: 'type' });
  return findings;
}

/** Checks the size of a struct as it would be stored. */
export function checkBytes(struct: JsonObject, path: Finding['path']): Finding[] {
  const bytes = Buffer.byteLength(JSON.stringify(struct));
  if (bytes <= MAX_STRUCT_BYTES) return [];
  return [{ path, description: `must have at most ${MAX_STRUCT_BYTES} bytes as JSON, got ${bytes}` }];
}

/** Checks a whole struct. */
export function checkStruct(value: unknown, path: Finding['path']): Finding[] {
  const findings = checkMembers(value, path);
  if (findings.length > 0 || !isJsonObject(value)) return findings;
  return checkBytes(withoutNulls(value), path);
}

function walkObject(object: JsonObject, path: Path, level: number, inArray: boolean, into: Finding[]): void {
  for (const key of Object.keys(object)) {
    path.push(key);
    into.push(...check('member', key, path));
    walk(object[key], path, level, inArray, into);
    path.pop();
  }
}

function walk(value: unknown, path: Path, level: number, inArray: boolean, into: Finding[]): void {
  const refuse = (description: string): void => {
    into.push({ path: [...path], description });
  };
  if (value === null || value === undefined) {
    if (inArray) refuse('must not be null: inside an array a null neither removes nor is stored');
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuse(`must be a finite number, got ${value}`);
  } else if (typeof value === 'string') {
    into.push(...check('text', value, path));
  } else if (typeof value === 'object') {
    if (level === MAX_LEVELS) refuse(`must be at most ${MAX_LEVELS} levels deep`);
    else if (isJsonObject(value)) walkObject(value, path, level + 1, inArray, into);
    else if (Array.isArray(value)) walkArray(value, path, level + 1, into);
  } else if (typeof value !== 'boolean') {
    refuse(`must be JSON, got ${shown(value)}`);
  }
}

function walkArray(items: readonly unknown[], path: Path, level: number, into: Finding[]): void {
  items.forEach((item, i) => {
    path.push(i);
    walk(item, path, level, true, into);
    path.pop();
  });
}

import { RiskMode } from '@policystore/client/proto';

import { fieldChanges } from '../field-changes.js';
import { isJsonObject } from '../json.js';
import { type Applied, trimPatch } from '../patch/patch.js';
import type { FieldName, Json } from '../policy.js';
import { higher, lower } from '../tighten.js';

export type NumberField =
  'risk_mode' | 'max_risk_per_trade' | 'max_positions' | 'global_min_confidence' | 'opp_rankings';
export type NamesField = 'allowed_strategies' | 'allowed_symbols' | 'model_versions';

/** The fields of which it can be told how far they moved; structs are free-form. */
export const STEPPED = [
  'risk_mode',
  'allowed_strategies',
  'allowed_symbols',
  'max_risk_per_trade',
  'max_positions',
  'global_min_confidence',
  'opp_rankings',
  'model_versions',
] as const satisfies readonly (NumberField | NamesField)[];

/** A number that went from one value to another. A risk mode is its place in the order, DEFENSIVE being 1. */
export interface NumberMove {
  readonly field: NumberField;
  /** Of a map the entry; else empty. */
  readonly key: string;
  /** Undefined: there was no such entry. */
  readonly from: number | undefined;
  /** Undefined: the entry is gone. */
  readonly to: number | undefined;
}

/** The names that came into a list and went from it; of model_versions, those that got a version and lost theirs. */
export interface NamesMove {
  readonly field: NamesField;
  readonly came: readonly string[];
  readonly went: readonly string[];
}

/** How far a change moved the policy. */
export interface Moves {
  readonly numbers: readonly NumberMove[];
  readonly names: readonly NamesMove[];
}

const STEPPED_SET: ReadonlySet<FieldName> = new Set(STEPPED);

/** The cost follows the change. */
export function movesOf({ patch, inverse }: Pick<Applied, 'patch' | 'inverse'>): Moves {
  const numbers: NumberMove[] = [];
  const names: NamesMove[] = [];
  const deltas = fieldChanges(trimPatch(patch, STEPPED_SET), trimPatch(inverse, STEPPED_SET));
  for (const { field, before, after } of deltas) {
    switch (field) {
      case 'risk_mode':
        numbers.push({ field, key: '', from: placeOf(before), to: placeOf(after) });
        break;
      case 'max_risk_per_trade':
      case 'max_positions':
      case 'global_min_confidence':
        numbers.push({ field, key: '', from: numberOf(before), to: numberOf(after) });
        break;
      case 'opp_rankings':
        for (const key of keysOf(before, after)) {
          numbers.push({ field, key, from: numberOf(member(before, key)), to: numberOf(member(after, key)) });
        }
        break;
      case 'allowed_strategies':
      case 'allowed_symbols':
        // Names that were only moved are on both sides.
        names.push({ field, came: without(after, before), went: without(before, after) });
        break;
      case 'model_versions': {
        const came = isJsonObject(after) ? Object.keys(after) : [];
        names.push({ field, came, went: without(keysOf(before), came) });
        break;
      }
      case 'system_health':
      case 'custom_params':
        break;
    }
  }
  return { numbers, names };
}

/**
 * The fields that do more than become tighter, by the order of `tighten`. A field that has no place in it always does.
 */
export function loosenedFields(fields: readonly FieldName[], { numbers, names }: Moves): FieldName[] {
  return fields.filter((field) => {
    switch (field) {
      case 'risk_mode':
      case 'max_risk_per_trade':
      case 'max_positions':
      case 'global_min_confidence':
        return numbers.some((move) => move.field === field && isLooser(field, move.from, move.to));
      case 'allowed_strategies':
      case 'allowed_symbols':
        return names.some((move) => move.field === field && move.came.length > 0);
      case 'opp_rankings':
      case 'model_versions':
      case 'system_health':
      case 'custom_params':
        return true;
    }
  });
}

/** Whether `to` lets pass what `from` did not. */
export function isLooser(
  field: Exclude<NumberField, 'opp_rankings'>,
  from: number | undefined,
  to: number | undefined,
): boolean {
  if (from === undefined || to === undefined) return true;
  return (field === 'global_min_confidence' ? higher(to, from) : lower(to, from)) !== to;
}

function placeOf(mode: Json | undefined): number | undefined {
  return typeof mode === 'string' ? RiskMode[mode as keyof typeof RiskMode] : undefined;
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function member(object: Json | undefined, key: string): Json | undefined {
  return isJsonObject(object) ? object[key] : undefined;
}

function keysOf(...objects: (Json | undefined)[]): string[] {
  return [...new Set(objects.flatMap((object) => (isJsonObject(object) ? Object.keys(object) : [])))];
}

function without(names: Json | undefined, others: Json | undefined): string[] {
  const excluded = new Set(Array.isArray(others) ? others : []);
  const all = Array.isArray(names) ? names : [];
  return all.filter((name): name is string => typeof name === 'string' && !excluded.has(name));
}

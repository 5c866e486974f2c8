import { checkFits, scalarChecks, type ScalarInput } from './fits.js';
import { type JsonObject } from './json.js';
import { checkNames, readNames } from './names.js';
import { FIELDS } from './policy.js';
import { type GlobalPolicy, type ListPatch, type PolicyPatch, RiskMode, TradingState } from './proto.js';

/** A dictionary, as a plain object or as a Map. */
export type Entries<V> = Readonly<Record<string, V>> | ReadonlyMap<string, V>;

/** Change of a list. A plain array replaces it. Otherwise, in this order: clear, remove, add. */
export type ListInput =
  | readonly string[]
  | {
      readonly clear?: boolean | undefined;
      readonly remove?: readonly string[] | undefined;
      /** Appends the names that are not in the list yet. */
      readonly add?: readonly string[] | undefined;
    };

/** Change of a dictionary, in this order: clear, remove, put. */
export interface EntriesInput<V> {
  readonly clear?: boolean | undefined;
  readonly remove?: readonly string[] | undefined;
  readonly put?: Entries<V> | undefined;
}

/** The fields to change; the others stay. */
export interface PatchInput extends ScalarInput {
  readonly allowedStrategies?: ListInput | undefined;
  readonly allowedSymbols?: ListInput | undefined;
  readonly oppRankings?: EntriesInput<number> | undefined;
  readonly modelVersions?: EntriesInput<string> | undefined;
  /** JSON merge patch (RFC 7396): null removes a member, an object merges, all else replaces. */
  readonly systemHealth?: JsonObject | undefined;
  /** JSON merge patch, as systemHealth. */
  readonly customParams?: JsonObject | undefined;
}

/**
 * A whole policy. Absent scalars take the server's defaults; absent lists, dictionaries and structs become empty.
 * A Policy that was read can be passed: what is output only is ignored.
 */
export interface PolicyInput extends ScalarInput {
  readonly allowedStrategies?: readonly string[] | undefined;
  readonly allowedSymbols?: readonly string[] | undefined;
  readonly oppRankings?: Entries<number> | undefined;
  readonly modelVersions?: Entries<string> | undefined;
  readonly systemHealth?: JsonObject | undefined;
  readonly customParams?: JsonObject | undefined;
}

const WRITABLE: readonly string[] = Object.values(FIELDS);
const OUTPUT_ONLY: readonly string[] = ['lastUpdated', 'tradingState', 'overrides'];

/** @throws TypeError for an unknown field, PolicyStoreError where the wire has no room for a value. */
export function writePatch(input: PatchInput): PolicyPatch {
  checkNames('the patch', 'field', input, WRITABLE);
  return {
    ...writeScalars(input),
    allowedStrategies: writeList('allowedStrategies', input.allowedStrategies),
    allowedSymbols: writeList('allowedSymbols', input.allowedSymbols),
    oppRankings: writeEntries('oppRankings', input.oppRankings),
    modelVersions: writeEntries('modelVersions', input.modelVersions),
    systemHealth: input.systemHealth,
    customParams: input.customParams,
  };
}

/** @throws as writePatch. */
export function writePolicy(input: PolicyInput): GlobalPolicy {
  checkNames('the policy', 'field', input, [...WRITABLE, ...OUTPUT_ONLY]);
  return {
    ...writeScalars(input),
    allowedStrategies: readNames('allowedStrategies', input.allowedStrategies),
    allowedSymbols: readNames('allowedSymbols', input.allowedSymbols),
    oppRankings: toMap(input.oppRankings),
    modelVersions: toMap(input.modelVersions),
    systemHealth: input.systemHealth,
    customParams: input.customParams,
    lastUpdated: undefined,
    tradingState: TradingState.UNSPECIFIED,
    overrides: [],
  };
}

function writeList(field: string, input: ListInput | undefined): ListPatch | undefined {
  if (input === undefined) return undefined;
  if (isArray(input)) return { clear: true, remove: [], add: [...input] };
  checkNames(field, 'field', input, ['clear', 'remove', 'add']);
  return {
    clear: readClear(field, input),
    remove: readNames(`${field}.remove`, input.remove),
    add: readNames(`${field}.add`, input.add),
  };
}

function writeEntries<V>(field: string, input: EntriesInput<V> | undefined) {
  if (input === undefined) return undefined;
  // Its method `clear` would read as the wish to empty the dictionary.
  if (isMap(input)) {
    throw new TypeError(
      `${field} is a Map; use { put: map } to add to what is there, { clear: true, put: map } to replace it`,
    );
  }
  checkNames(field, 'field', input, ['clear', 'remove', 'put']);
  return {
    clear: readClear(field, input),
    remove: readNames(`${field}.remove`, input.remove),
    put: toMap(input.put),
  };
}

function readClear(field: string, { clear = false }: { readonly clear?: unknown }): boolean {
  if (typeof clear !== 'boolean') throw new TypeError(`${field}.clear must be true or false`);
  return clear;
}

function writeScalars(input: ScalarInput) {
  checkFits(scalarChecks(input));
  const { riskMode, maxRiskPerTrade, maxPositions, globalMinConfidence } = input;
  return { riskMode: riskMode ?? RiskMode.UNSPECIFIED, maxRiskPerTrade, maxPositions, globalMinConfidence };
}

/** Array.isArray does not tell readonly arrays apart. */
function isArray(input: ListInput): input is readonly string[] {
  return Array.isArray(input);
}

function toMap<V>(entries: Entries<V> = {}): Map<string, V> {
  return new Map(isIterable(entries) ? entries : Object.entries(entries));
}

/** Whatever its class: a Map of another realm, as test runners make, is no instance of Map here. */
function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && 'get' in value;
}

function isIterable<V>(entries: Entries<V>): entries is ReadonlyMap<string, V> {
  return Symbol.iterator in entries;
}

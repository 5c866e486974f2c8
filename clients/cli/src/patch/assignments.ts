import { type JsonObject, type LimitsInput, type PatchInput } from '@policystore/client';
import { parse } from 'yaml';

import { UsageError } from '../usage-error.js';
import { camelCase, oneOf, readFieldName } from './fields.js';
import { readBoolean, readNumber, readRiskMode, readTradingState, splitNames } from './values.js';

const FORM =
  'max_positions=12, allowed_symbols+=SOLUSDT, allowed_symbols-=XRPUSDT, opp_rankings.BTCUSDT=0.9 or custom_params.a.b=true';

/** `path operator value`, as it was written. */
interface Assignment {
  readonly field: string;
  /** What follows the field's name and a dot; empty: nothing. */
  readonly key: string;
  readonly operator: '=' | '+=' | '-=';
  readonly value: string;
  readonly text: string;
}

interface Names {
  clear: boolean;
  remove: string[];
  add: string[];
}

interface Entries<V> {
  clear: boolean;
  remove: string[];
  put: Map<string, V>;
}

type Draft = { -readonly [F in keyof PatchInput]: PatchInput[F] };

/** Reads the patch of a command line. @throws UsageError that says how it is written. */
export function readAssignments(texts: readonly string[]): PatchInput {
  const draft: Draft = {};
  const lists = new Map<string, Names>();
  const rankings: Entries<number> = { clear: false, remove: [], put: new Map() };
  const models: Entries<string> = { clear: false, remove: [], put: new Map() };
  for (const text of texts) {
    const assignment = parseAssignment(text);
    const { value } = assignment;
    const field = readFieldName(assignment.field);
    switch (field) {
      case 'risk_mode':
        draft.riskMode = readRiskMode(scalarOf(assignment));
        break;
      case 'max_risk_per_trade':
        draft.maxRiskPerTrade = readNumber(field, scalarOf(assignment));
        break;
      case 'max_positions':
        draft.maxPositions = readNumber(field, scalarOf(assignment));
        break;
      case 'global_min_confidence':
        draft.globalMinConfidence = readNumber(field, scalarOf(assignment));
        break;
      case 'allowed_strategies':
      case 'allowed_symbols': {
        const names = lists.get(field) ?? { clear: false, remove: [], add: [] };
        lists.set(field, names);
        assignNames(names, assignment);
        break;
      }
      case 'opp_rankings':
        assignEntry(rankings, assignment, () => readNumber(`${field}.${assignment.key}`, value));
        draft.oppRankings = rankings;
        break;
      case 'model_versions':
        assignEntry(models, assignment, () => value);
        draft.modelVersions = models;
        break;
      case 'system_health':
        draft.systemHealth = assignMember(draft.systemHealth ?? {}, assignment);
        break;
      case 'custom_params':
        draft.customParams = assignMember(draft.customParams ?? {}, assignment);
        break;
    }
  }
  return {
    ...draft,
    ...Object.fromEntries([...lists].map(([field, names]) => [camelCase(field), names])),
  };
}

const LIMITS = [
  'trading_state',
  'risk_mode',
  'max_risk_per_trade',
  'max_positions',
  'global_min_confidence',
  'block_all_strategies',
  'block_strategies',
  'block_symbols',
] as const;

/** Reads the limits of an override: `max_positions=3 block_symbols=BTCUSDT,ETHUSDT`. @throws UsageError */
export function readLimits(texts: readonly string[]): LimitsInput {
  const limits: { -readonly [F in keyof LimitsInput]: LimitsInput[F] } = {};
  for (const text of texts) {
    const assignment = parseAssignment(text);
    const field = oneOf('limit', assignment.field, LIMITS);
    const value = scalarOf(assignment);
    if (field === 'trading_state') limits.tradingState = readTradingState(value);
    else if (field === 'risk_mode') limits.riskMode = readRiskMode(value);
    else if (field === 'max_risk_per_trade') limits.maxRiskPerTrade = readNumber(field, value);
    else if (field === 'max_positions') limits.maxPositions = readNumber(field, value);
    else if (field === 'global_min_confidence') limits.globalMinConfidence = readNumber(field, value);
    else if (field === 'block_all_strategies') limits.blockAllStrategies = readBoolean(field, value);
    else if (field === 'block_strategies') limits.blockStrategies = splitNames(value);
    else limits.blockSymbols = splitNames(value);
  }
  return limits;
}

function parseAssignment(text: string): Assignment {
  const parts = /^([a-z_]+)(?:\.(.+?))?(\+=|-=|=)(.*)$/is.exec(text);
  const [, field, key = '', operator, value = ''] = parts ?? [];
  if (field === undefined || (operator !== '=' && operator !== '+=' && operator !== '-=')) {
    throw new UsageError(`${JSON.stringify(text)} changes nothing; write ${FORM}`);
  }
  return { field, key, operator, value, text };
}

function scalarOf({ field, key, operator, value, text }: Assignment): string {
  if (operator === '=' && key === '') return value;
  throw new UsageError(`${JSON.stringify(text)}: ${field} has one value; write ${field}=VALUE`);
}

function assignNames(names: Names, { field, key, operator, value, text }: Assignment): void {
  if (key !== '') {
    throw new UsageError(
      `${JSON.stringify(text)}: ${field} is a list; write ${field}+=NAME or ${field}-=NAME`,
    );
  }
  const given = splitNames(value);
  if (operator === '-=') names.remove.push(...given);
  else names.add.push(...given);
  if (operator === '=') names.clear = true;
  else if (given.length === 0) throw new UsageError(`${JSON.stringify(text)} names nobody`);
  const both = names.add.find((name) => names.remove.includes(name));
  if (both !== undefined) throw new UsageError(`${field}: ${both} is both added and removed`);
}

function assignEntry<V>(
  entries: Entries<V>,
  { field, key, operator, value, text }: Assignment,
  read: () => V,
): void {
  if (operator === '=' && key !== '') entries.put.set(key, read());
  else if (operator === '-=' && key === '' && value !== '') entries.remove.push(...splitNames(value));
  else if (operator === '=' && value === '') entries.clear = true;
  else {
    throw new UsageError(
      `${JSON.stringify(text)}: write ${field}.KEY=VALUE to put, ${field}-=KEY to remove, ${field}= to empty it`,
    );
  }
}

/** A JSON merge patch grows with each member. */
function assignMember(patch: JsonObject, { field, key, operator, value, text }: Assignment): JsonObject {
  const isRemoval = operator === '-=' && key === '' && value !== '';
  if (!isRemoval && (operator !== '=' || key === '')) {
    throw new UsageError(
      `${JSON.stringify(text)}: write ${field}.a.b=VALUE to set, ${field}-=a.b to remove; more with -f FILE`,
    );
  }
  const path = (isRemoval ? value : key).split('.');
  return withMember(patch, path, isRemoval ? null : readJson(text, value));
}

function withMember(
  target: JsonObject,
  [name = '', ...rest]: readonly string[],
  value: JsonObject[string],
): JsonObject {
  const members = new Map(Object.entries(target));
  const inner = members.get(name);
  const isInner = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
  members.set(
    name,
    rest.length === 0 ? value : withMember(isInner ? (inner as JsonObject) : {}, rest, value),
  );
  return Object.fromEntries(members);
}

/** As in YAML: `true` and `5` are no texts, `"5"` is. */
function readJson(text: string, value: string): JsonObject[string] {
  try {
    return (parse(value) ?? null) as JsonObject[string];
  } catch {
    throw new UsageError(`${JSON.stringify(text)}: the value is no YAML; quote a text: '"…"'`);
  }
}

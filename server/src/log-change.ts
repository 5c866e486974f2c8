import {
  type Change,
  ChangeKind,
  type ListPatch,
  type ModelsPatch,
  type PolicyPatch,
  type RankingsPatch,
  RiskMode,
} from '@policystore/client/proto';

import { isJsonObject } from './domain/json.js';
import type { Json, JsonObject } from './domain/policy.js';

const MAX_LINE = 600;
const MAX_REASON = 160;
const MAX_VALUE = 40;
/** Entries of one list, map or struct that are spelled out. */
const MAX_ENTRIES = 4;

/** What a person should see at a glance: the calls that replace everything. */
const VERBS: ReadonlyMap<ChangeKind, string> = new Map([
  [ChangeKind.UPDATE, 'replaced'],
  [ChangeKind.RESET, 'reset'],
]);

/**
 * One change in one line: who, what from and to, and why. Its length is bounded, and nothing that a writer sent
 * can break the line.
 */
export function describeChange(namespace: string, version: string, change: Change): string {
  const what = change.patch === undefined ? [] : describePatch(change.patch, change.inverse);
  const reason = change.reason === '' ? '' : ` (${shorten(change.reason, MAX_REASON)})`;
  const verb = VERBS.get(change.kind) ?? 'changed';
  const head = `policy ${verb}: ${namespace} ${version} by ${shorten(change.actor, 128)}: `;
  return head + shorten(what.join(', '), MAX_LINE - head.length) + reason;
}

function describePatch(patch: PolicyPatch, inverse: PolicyPatch | undefined): string[] {
  return [
    ...scalar('risk_mode', modeName(patch.riskMode), modeName(inverse?.riskMode)),
    ...list('allowed_strategies', patch.allowedStrategies, inverse?.allowedStrategies),
    ...list('allowed_symbols', patch.allowedSymbols, inverse?.allowedSymbols),
    ...scalar('max_risk_per_trade', patch.maxRiskPerTrade, inverse?.maxRiskPerTrade),
    ...scalar('max_positions', patch.maxPositions, inverse?.maxPositions),
    ...scalar('global_min_confidence', patch.globalMinConfidence, inverse?.globalMinConfidence),
    ...map('opp_rankings', patch.oppRankings, inverse?.oppRankings),
    ...map('model_versions', patch.modelVersions, inverse?.modelVersions),
    ...struct('system_health', patch.systemHealth, inverse?.systemHealth),
    ...struct('custom_params', patch.customParams, inverse?.customParams),
  ];
}

function modeName(mode: RiskMode | undefined): string | undefined {
  return mode === undefined || mode === RiskMode.UNSPECIFIED ? undefined : RiskMode[mode];
}

function scalar(name: string, after: Json | undefined, before: Json | undefined): string[] {
  return after === undefined ? [] : [transition(name, before, after)];
}

function list(name: string, patch: ListPatch | undefined, inverse: ListPatch | undefined): string[] {
  if (patch === undefined) return [];
  // A patch that replaces the list does not say what it lost; its inverse does.
  const [gained, lost] =
    patch.clear && inverse?.clear === false ? [inverse.remove, inverse.add] : [patch.add, patch.remove];
  const before = new Set([...lost, ...(patch.clear && inverse !== undefined ? inverse.add : [])]);
  const after = new Set(gained);
  const signs = [
    ...[...after].filter((each) => !before.has(each)).map((each) => `+${each}`),
    ...[...before].filter((each) => !after.has(each)).map((each) => `-${each}`),
  ];
  return [signs.length === 0 ? `${name} reordered` : `${name} ${some(signs, ' ')}`];
}

function map(
  name: string,
  patch: RankingsPatch | ModelsPatch | undefined,
  inverse: RankingsPatch | ModelsPatch | undefined,
): string[] {
  if (patch === undefined) return [];
  const before = new Map<string, number | string>(inverse?.put);
  const after = new Map<string, number | string>(patch.put);
  const lost = patch.clear ? [...before.keys()].filter((key) => !after.has(key)) : patch.remove;
  const keys = [...after.keys(), ...lost].filter((key) => after.get(key) !== before.get(key));
  const lines = keys.map((key) => () => transition(`${name}.${key}`, before.get(key), after.get(key)));
  return [someOf(lines)];
}

function struct(name: string, patch: JsonObject | undefined, inverse: JsonObject | undefined): string[] {
  if (patch === undefined) return [];
  return [someOf(transitions(name, patch, inverse))];
}

function transitions(path: string, after: JsonObject, before: JsonObject | undefined): (() => string)[] {
  return Object.entries(after).flatMap(([key, value]) => {
    const previous = before?.[key];
    const inner = `${path}.${key}`;
    if (isJsonObject(value) && isJsonObject(previous)) {
      return transitions(inner, value, previous);
    }
    return [() => transition(inner, previous ?? undefined, value ?? undefined)];
  });
}

function transition(name: string, before: Json | undefined, after: Json | undefined): string {
  return `${name} ${show(before)} -> ${show(after)}`;
}

function show(value: Json | undefined): string {
  if (value === undefined) return 'none';
  return shorten(typeof value === 'string' ? value : JSON.stringify(value), MAX_VALUE);
}

function someOf(lines: readonly (() => string)[]): string {
  const shown = lines.slice(0, MAX_ENTRIES).map((line) => line());
  return withRest(shown, lines.length, ', ');
}

function some(items: readonly string[], separator: string): string {
  return withRest(items.slice(0, MAX_ENTRIES), items.length, separator);
}

function withRest(shown: readonly string[], count: number, separator: string): string {
  const rest = count > shown.length ? ` and ${String(count - shown.length)} more` : '';
  return shown.join(separator) + rest;
}

function shorten(text: string, max: number): string {
  const safe = text.slice(0, max + 1).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu, ' ');
  return safe.length <= max ? safe : `${safe.slice(0, max - 3)}...`;
}

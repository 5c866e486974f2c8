import { type GlobalPolicy, RiskMode } from '@policystore/client/proto';

import { unsignedZero, withoutNulls } from './json.js';
import type { FieldName, Policy, Scalars } from './policy.js';
import { check } from './rules.js';

/** The server's own values for scalars that an Update or an initial policy leaves out. */
export type Defaults = Scalars;

/** A setting per scalar, and what holds where it is not set. */
const SETTINGS = {
  risk_mode: { name: 'QT_RISK_MODE', fallback: 'NORMAL' },
  max_risk_per_trade: { name: 'QT_MAX_RISK_PER_TRADE', fallback: '0.01' },
  max_positions: { name: 'QT_MAX_POSITIONS', fallback: '5' },
  global_min_confidence: { name: 'QT_CONFIDENCE_THRESHOLD', fallback: '0.70' },
} as const satisfies Partial<Record<FieldName, { name: string; fallback: string }>>;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Reads the QT_* settings. Letter case of the mode and space around a value do not matter.
 * @throws Error listing every setting that is not usable, its value and what it may be.
 */
export function parseDefaults(env: Readonly<Record<string, string | undefined>>): Defaults {
  const problems: string[] = [];
  const textOf = (field: keyof typeof SETTINGS): string =>
    (env[SETTINGS[field].name] ?? SETTINGS[field].fallback).trim();
  const refuse = (field: keyof typeof SETTINGS, value: unknown): void => {
    const name = SETTINGS[field].name;
    for (const { description } of check(field, value, [])) problems.push(`${name} ${description}`);
  };
  const number = (field: keyof typeof SETTINGS): number => {
    const text = textOf(field);
    refuse(field, NUMBER.test(text) ? Number(text) : text);
    return unsignedZero(Number(text));
  };
  const mode = textOf('risk_mode').toUpperCase();
  refuse('risk_mode', mode);
  const defaults = {
    riskMode: RiskMode[mode as keyof typeof RiskMode],
    maxRiskPerTrade: number('max_risk_per_trade'),
    maxPositions: number('max_positions'),
    globalMinConfidence: number('global_min_confidence'),
  };
  if (problems.length > 0) throw new Error(problems.join('; '));
  return defaults;
}

/**
 * A whole policy from a valid Update: absent scalars take the defaults, duplicates in lists collapse into the
 * first, null members of structs go, output-only fields are ignored.
 */
export function completeUpdate(policy: GlobalPolicy, defaults: Defaults): Policy {
  const { riskMode, maxRiskPerTrade, maxPositions, globalMinConfidence } = policy;
  return {
    riskMode: riskMode === RiskMode.UNSPECIFIED ? defaults.riskMode : riskMode,
    allowedStrategies: [...new Set(policy.allowedStrategies)],
    allowedSymbols: [...new Set(policy.allowedSymbols)],
    maxRiskPerTrade: maxRiskPerTrade ?? defaults.maxRiskPerTrade,
    maxPositions: maxPositions ?? defaults.maxPositions,
    globalMinConfidence: unsignedZero(globalMinConfidence ?? defaults.globalMinConfidence),
    oppRankings: new Map([...policy.oppRankings].map(([name, score]) => [name, unsignedZero(score)])),
    modelVersions: new Map(policy.modelVersions),
    systemHealth: withoutNulls(policy.systemHealth ?? {}),
    customParams: withoutNulls(policy.customParams ?? {}),
  };
}

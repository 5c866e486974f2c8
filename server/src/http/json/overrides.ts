import { Limits, type Override, RiskMode, TradingState } from '@policystore/client/proto';

import { isJsonObject } from '../../domain/json.js';
import { nearest } from '../../domain/nearest.js';
import { overrideJson } from '../../domain/override-json.js';
import type { Json, JsonObject } from '../../domain/policy.js';
import { check } from '../../domain/rules.js';
import { type Finding, shown } from '../../domain/violation.js';
import { timeText, type Zone } from './times.js';

/** An override as REST shows it. */
export function overrideAnswer(override: Override, zone: Zone): JsonObject {
  const { limits = {}, earlier_actors } = overrideJson(override);
  return {
    name: override.name,
    limits,
    reason: override.reason,
    actor: override.actor,
    since: timeText(override.since, zone),
    until: timeText(override.until, zone),
    pending: override.pending,
    ...(earlier_actors !== undefined && { earlier_actors }),
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

/** Reads limits; null is as absent. What is wrong goes to `findings`, with paths within the body. */
export function readLimits(json: Json, findings: Finding[]): Limits {
  const limits = Limits.create();
  if (!isJsonObject(json)) {
    findings.push({ path: ['limits'], description: `must be an object, got ${shown(json)}`, kind: 'type' });
    return limits;
  }
  for (const [key, value] of Object.entries(json)) {
    const name = LIMITS.find((each) => each === key);
    if (name === undefined) findings.push(unknown(key));
    else if (value !== null) findings.push(...readLimit(limits, name, value));
  }
  return limits;
}

function readLimit(limits: Limits, name: (typeof LIMITS)[number], value: Json): Finding[] {
  const path = ['limits', name];
  switch (name) {
    case 'trading_state': {
      const states = ['HALTED', 'REDUCE_ONLY', 'ACTIVE'] as const;
      const state = states.find((each) => each === value);
      if (state === undefined) return [wrong(path, `one of ${states.join(', ')}`, value, 'string')];
      limits.tradingState = TradingState[state];
      return [];
    }
    case 'risk_mode': {
      const findings = check('risk_mode', value, path);
      if (findings.length === 0) limits.riskMode = RiskMode[value as 'NORMAL'];
      return findings;
    }
    case 'max_risk_per_trade':
    case 'max_positions':
    case 'global_min_confidence': {
      const findings = check(name, value, path);
      if (findings.length === 0) limits[SCALARS[name]] = value as number;
      return findings;
    }
    case 'block_all_strategies':
      if (typeof value !== 'boolean') return [wrong(path, 'true or false', value, 'boolean')];
      limits.blockAllStrategies = value;
      return [];
    case 'block_strategies':
    case 'block_symbols': {
      if (!Array.isArray(value)) return [wrong(path, 'a list of names', value, 'list')];
      const odd = value.findIndex((each) => typeof each !== 'string');
      if (odd >= 0) return [wrong([...path, odd], 'a name', value[odd] ?? null, 'string')];
      limits[name === 'block_symbols' ? 'blockSymbols' : 'blockStrategies'] = value as string[];
      return [];
    }
  }
}

const SCALARS = {
  max_risk_per_trade: 'maxRiskPerTrade',
  max_positions: 'maxPositions',
  global_min_confidence: 'globalMinConfidence',
} as const;

function wrong(path: Finding['path'], rule: string, value: Json, type: string): Finding {
  const isOfType = type === 'list' ? Array.isArray(value) : typeof value === type;
  return {
    path,
    description: `must be ${rule}, got ${shown(value)}`,
    ...(!isOfType && { kind: 'type' as const }),
  };
}

function unknown(key: string): Finding {
  const guess = nearest(key, LIMITS);
  const hint = guess === undefined ? `known are ${LIMITS.join(', ')}` : `did you mean ${guess}?`;
  return { path: ['limits', key], description: `is not a limit: ${hint}`, kind: 'unknown' };
}

import { RiskMode, TradingState } from '@policystore/client';

import { UsageError } from '../usage-error.js';

/** Whatever the letter case. @throws UsageError */
export function readRiskMode(value: unknown): RiskMode {
  return readMember('risk_mode', value, {
    DEFENSIVE: RiskMode.DEFENSIVE,
    NORMAL: RiskMode.NORMAL,
    AGGRESSIVE: RiskMode.AGGRESSIVE,
  });
}

/** Whatever the letter case. @throws UsageError */
export function readTradingState(value: unknown): TradingState {
  return readMember('trading_state', value, {
    HALTED: TradingState.HALTED,
    REDUCE_ONLY: TradingState.REDUCE_ONLY,
    ACTIVE: TradingState.ACTIVE,
  });
}

/** The bounds are the server's affair. @throws UsageError */
export function readNumber(field: string, value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new UsageError(`${field} takes a number, not ${shown(value)}`);
}

/** @throws UsageError */
export function readText(field: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new UsageError(`${field} takes a text, not ${shown(value)}; in YAML, put it in quotes`);
}

/** @throws UsageError */
export function readList(field: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.map((name) => readText(`each name in ${field}`, name));
  throw new UsageError(`${field} takes a list of names, not ${shown(value)}`);
}

export function readBoolean(field: string, value: string): boolean {
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw new UsageError(`${field} takes true or false, not ${shown(value)}`);
}

/** Names as they stand on a command line, separated by commas. */
export function splitNames(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** @throws UsageError unless it is an object. */
export function readObject(what: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UsageError(`${what} must be an object with fields, not ${shown(value)}`);
}

function readMember<M>(field: string, value: unknown, members: Readonly<Record<string, M>>): M {
  const name = typeof value === 'string' ? value.toUpperCase().replaceAll('-', '_') : '';
  const member = Object.hasOwn(members, name) ? members[name] : undefined;
  if (member !== undefined) return member;
  throw new UsageError(`${field} is one of ${Object.keys(members).join(', ')}, not ${shown(value)}`);
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

import { RiskMode } from '@policystore/client/proto';

import { unsignedZero } from '../domain/json.js';
import { check } from '../domain/rules.js';

/** Readers of single settings. Each throws a BadValue that says how to mend the value. */

/** What is wrong with a value, and how to mend it: the end of a sentence that begins with the setting. */
export class BadValue extends Error {}

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const MAX_NAMESPACES = 100;
const MIN_LEASE_MS = 1000;
const MAX_LEASE_MS = 3_600_000;
/** In a shorter log replicas would miss request ids, and watchers that were away for a moment could not resume. */
const MIN_LOG_CHANGES = 1000;
const MAX_LOG_CHANGES = 999_999_999;
const MIN_LOG_BYTES = 1024 * 1024;
/** A retry is recognised, and a watch resumed, only as far back as the log reaches. */
const MIN_LOG_AGE_MS = 3_600_000;
const MAX_LOG_AGE_MS = 36_500 * 86_400_000;

/** @returns milliseconds */
export function parseLease(text: string): number {
  const ms = parseDuration(text, '10s or 1500ms');
  if (ms < MIN_LEASE_MS) throw new BadValue('is too short; at least 1s');
  if (ms > MAX_LEASE_MS) throw new BadValue('is too long; at most 1h');
  return ms;
}

/** @returns milliseconds; undefined: no limit */
export function parseLogAge(text: string): number | undefined {
  if (text === '') return undefined;
  const ms = Math.round(parseDuration(text, '90d or 12h'));
  if (ms < MIN_LOG_AGE_MS) throw new BadValue('is too short; at least 1h');
  if (ms > MAX_LOG_AGE_MS) throw new BadValue('is too long; at most 36500d; leave it out for no limit');
  return ms;
}

/** @returns milliseconds */
export function parseDuration(text: string, example: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = DURATION_UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) throw new BadValue(`is no duration; write it like ${example}`);
  return Number(match[1]) * unit;
}

/** @returns bytes */
export function parseLogBytes(text: string): number {
  const match = /^(\d+)(B|KiB|MiB|GiB)?$/.exec(text);
  const unit = SIZE_UNITS[match?.[2] ?? 'B'];
  if (match === null || unit === undefined) throw new BadValue('is no size; write it like 64MiB or 1GiB');
  const bytes = Number(match[1]) * unit;
  if (bytes < MIN_LOG_BYTES) throw new BadValue('is too small; at least 1MiB');
  if (!Number.isSafeInteger(bytes)) throw new BadValue('is too large');
  return bytes;
}

export function parseLogChanges(text: string): number {
  if (!/^\d+$/.test(text)) throw new BadValue('is no number of changes; write a whole number like 100000');
  const count = Number(text);
  if (count < MIN_LOG_CHANGES) throw new BadValue(`is too small; at least ${String(MIN_LOG_CHANGES)}`);
  if (count > MAX_LOG_CHANGES) throw new BadValue(`is too large; at most ${String(MAX_LOG_CHANGES)}`);
  return count;
}

export function parseNamespaces(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const bad = names.find((name) => !/^[a-z0-9-]{1,63}$/.test(name));
  if (bad !== undefined) {
    throw new BadValue(
      `holds ${JSON.stringify(bad)}; a name has 1 to 63 of a-z, 0-9 and -, names are separated by commas`,
    );
  }
  const distinct = [...new Set(names)];
  if (distinct.length > MAX_NAMESPACES) {
    throw new BadValue(`lists ${String(distinct.length)} namespaces; at most ${String(MAX_NAMESPACES)}`);
  }
  return distinct;
}

/** @returns how many there should be of each component; empty: nobody is expected. */
export function parseExpected(text: string): { readonly component: string; readonly count: number }[] {
  if (text === '') return [];
  const parts = text.split(',').map((part) => part.trim());
  const expected = parts.map((part) => {
    const [, component = '', count = ''] = /^([\w.-]{1,128}):([1-9]\d{0,4})$/.exec(part) ?? [];
    if (component !== '') return { component, count: Number(count) };
    throw new BadValue(
      `holds ${JSON.stringify(part)}; write component:count, such as executor:20,risk_guard:2: a name of up to 128 ` +
        'letters, digits, _, . and -, and a number from 1 to 99999',
    );
  });
  const twice = expected.find(({ component }, i) => expected.findIndex((e) => e.component === component) < i);
  if (twice !== undefined) throw new BadValue(`names ${twice.component} twice`);
  return expected;
}

/** @returns host names in lower case */
export function parseHosts(text: string): readonly string[] {
  if (text === '') return [];
  return text.split(',').map((part) => {
    const name = part.trim().toLowerCase();
    if (/^(?!-)[a-z0-9.-]{1,253}$/.test(name) || /^\[[0-9a-f:.]+\]$/.test(name)) return name;
    throw new BadValue(
      `holds ${JSON.stringify(part.trim())}; write names without scheme and port, such as policy.example.com, ` +
        'separated by commas',
    );
  });
}

export interface Address {
  /** As given, such as `127.0.0.1:50051` or `[::1]:50051`. */
  readonly text: string;
  readonly loopback: boolean;
}

export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new BadValue('is no address; write host:port, such as 127.0.0.1:50051, and [::1]:50051 for IPv6');
  }
  if (Number(match[3]) > 65535)
    throw new BadValue('has a port above 65535; use 0 to 65535, 0 takes a free one');
  return { text, loopback: isLoopback(match[1] ?? match[2] ?? '') };
}

/** Whether only this machine reaches the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function parseSwitch(text: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false;
  throw new BadValue('is neither on nor off; write 1 or 0');
}

export function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const name = names.find((each) => each === text.toLowerCase());
    if (name === undefined) throw new BadValue(`is unknown; it is one of ${names.join(', ')}`);
    return name;
  };
}

/** Letter case and space around it do not matter. */
export function parseRiskMode(text: string): RiskMode {
  const name = text.trim().toUpperCase();
  obey('risk_mode', name);
  return RiskMode[name as keyof typeof RiskMode];
}

/** Reads a decimal number that the policy's field may have. */
export function parseScalar(
  field: 'max_risk_per_trade' | 'max_positions' | 'global_min_confidence',
): (text: string) => number {
  return (text) => {
    const number = text.trim();
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(number) ? Number(number) : NaN;
    obey(field, Number.isNaN(value) ? number : value);
    return unsignedZero(value);
  };
}

function obey(field: 'risk_mode' | Parameters<typeof parseScalar>[0], value: unknown): void {
  const [finding] = check(field, value, []);
  if (finding !== undefined) throw new BadValue(finding.description);
}

import { nearest } from '../domain/nearest.js';
import type { Violation } from '../domain/violation.js';
import { PolicyError } from '../errors.js';
import type { PlacedViolation } from './http-error.js';

const NOTHING: ReadonlyMap<string, string> = new Map();
const MAX_REPORTED = 20;

/** The parameters behind the path. @throws PolicyError VALIDATION_FAILED for one that is unknown or said twice. */
export function readQuery(url: string, known: readonly string[]): ReadonlyMap<string, string> {
  const start = url.indexOf('?');
  if (start < 0 || start === url.length - 1) return NOTHING;
  const values = new Map<string, string>();
  const violations: PlacedViolation[] = [];
  const refuse = (name: string, description: string, type: PlacedViolation['type']): void => {
    if (violations.length < MAX_REPORTED) {
      violations.push({ field: name, description, loc: ['query', name], type });
    }
  };
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (!known.includes(name)) refuse(name, unknown(name, known), 'extra_forbidden');
    else if (values.has(name)) refuse(name, 'must be said once', 'value_error');
    else values.set(name, value);
  }
  if (violations.length > 0) throw refusal(violations);
  return values;
}

function unknown(name: string, known: readonly string[]): string {
  const guess = nearest(name, known);
  const hint = guess === undefined ? `known are ${known.join(', ') || 'none'}` : `did you mean ${guess}?`;
  return `is no parameter of this path: ${hint}`;
}

function refusal(violations: readonly Violation[]): PolicyError {
  const text = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new PolicyError('VALIDATION_FAILED', text, { violations });
}

import { namesOf } from './enums.js';
import { type FieldViolation, PolicyStoreError } from './errors.js';
import { RiskMode } from './proto.js';

/** The fields that have one value, as they are patched, replaced and limited. */
export interface ScalarInput {
  readonly riskMode?: RiskMode | undefined;
  readonly maxRiskPerTrade?: number | undefined;
  readonly maxPositions?: number | undefined;
  readonly globalMinConfidence?: number | undefined;
}

/** What the wire has room for in a field. */
export interface FitCheck {
  /** The path in the contract's names. */
  readonly field: string;
  readonly value: unknown;
  readonly fits: (value: unknown) => boolean;
  readonly description: string;
}

/** @param path What the fields belong to, with a dot at its end. */
export function scalarChecks(input: ScalarInput, path = ''): FitCheck[] {
  const { riskMode, maxRiskPerTrade, maxPositions, globalMinConfidence } = input;
  const [integer, number] = ['must be an integer', 'must be a number'];
  return [
    {
      field: `${path}risk_mode`,
      value: riskMode,
      fits: isInt32,
      description: `must be one of ${namesOf('RiskMode', RiskMode)}`,
    },
    { field: `${path}max_risk_per_trade`, value: maxRiskPerTrade, fits: isNumber, description: number },
    { field: `${path}max_positions`, value: maxPositions, fits: isInt32, description: integer },
    {
      field: `${path}global_min_confidence`,
      value: globalMinConfidence,
      fits: isNumber,
      description: number,
    },
  ];
}

/**
 * Only what cannot be sent is refused; the rules themselves are the server's. Undefined always fits.
 * @throws PolicyStoreError with every field that does not fit.
 */
export function checkFits(checks: readonly FitCheck[]): void {
  const violations: FieldViolation[] = checks
    .filter(({ value, fits }) => value !== undefined && !fits(value))
    .map(({ field, description }) => ({ field, description }));
  if (violations.length === 0) return;
  const text = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  throw new PolicyStoreError('INVALID_ARGUMENT', text, { reason: 'VALIDATION_FAILED', violations });
}

export function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

export function isInt32(value: unknown): boolean {
  return typeof value === 'number' && (value | 0) === value;
}

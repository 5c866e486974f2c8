import { RiskMode } from '@policystore/client/proto';

import type { Policy } from '../policy.js';
import { type Finding, shown } from '../violation.js';
import type { Guardrail } from './guardrail.js';
import { isLooser, type NamesField, type NamesMove, type NumberField, type NumberMove } from './moves.js';
import type { Past } from './trail.js';

/** How far something may move: an amount in its own unit, or a share of what it was. */
export type Bound = { readonly amount: number } | { readonly percent: number };

export interface StepLimit extends Pick<Guardrail, 'name' | 'description' | 'namespaces'> {
  readonly field: NumberField | NamesField;
  readonly perChange: Bound | undefined;
  /** How far it may be from anything that it was within the last hour. */
  readonly perHour: Bound | undefined;
}

/** Sums of decimal fractions are off by less than this share. */
const SLACK = 1e-9;

/** A guardrail on how fast a field may become looser; where there is no order, on how fast it may change. */
export function createStepLimit(limit: StepLimit): Guardrail {
  const { name, description, namespaces, field } = limit;
  return {
    name,
    description,
    namespaces,
    demands: {
      field,
      ...(limit.perChange && { per_change: boundJson(limit.perChange) }),
      ...(limit.perHour && { per_hour: boundJson(limit.perHour) }),
    },
    // The cost follows the change, not the policy.
    steps: 0,
    check({ moves, after, past }) {
      const numbers = moves.numbers.filter((move) => move.field === field);
      const names = moves.names.filter((move) => move.field === field);
      return [
        ...numbers.flatMap((move) => checkNumber(limit, move, past)),
        ...names.flatMap((move) => checkNames(limit, move, after, past)),
      ];
    },
  };
}

function checkNumber({ perChange, perHour }: StepLimit, move: NumberMove, past: Past): Finding[] {
  const { field, key, from = 0, to } = move;
  // Without an entry nothing is ranked.
  if (to === undefined || (field !== 'opp_rankings' && !isLooser(field, move.from, to))) return [];
  const path = key === '' ? [field] : [field, key];
  if (perChange !== undefined && exceeds(perChange, from, to)) {
    return [{ path, description: numberText(move, perChange, from, 'per change') }];
  }
  if (perHour === undefined) return [];
  const { least, most } = past.extremes(field, key) ?? { least: from, most: from };
  const references = REFERENCES[field](Math.min(least, from), Math.max(most, from));
  const broken = references.find((reference) => exceeds(perHour, reference, to));
  return broken === undefined ? [] : [{ path, description: numberText(move, perHour, broken, 'per hour') }];
}

/** From where a number came furthest: the strictest that it was, or both ends where there is no order. */
const REFERENCES: Readonly<Record<NumberField, (least: number, most: number) => number[]>> = {
  risk_mode: (least) => [least],
  max_risk_per_trade: (least) => [least],
  max_positions: (least) => [least],
  global_min_confidence: (_, most) => [most],
  opp_rankings: (least, most) => [least, most],
};

function exceeds(bound: Bound, from: number, to: number): boolean {
  const most = 'amount' in bound ? bound.amount : (bound.percent / 100) * Math.abs(from);
  return Math.abs(to - from) > most * (1 + SLACK) + Number.MIN_VALUE;
}

function checkNames(
  { field, perChange, perHour }: StepLimit,
  { came, field: of }: NamesMove,
  after: Policy,
  past: Past,
): Finding[] {
  const what = of === 'model_versions' ? 'models may get another version' : 'names may be added';
  const finding = (names: readonly string[], bound: Bound, span: string): Finding => ({
    path: [field],
    description: `at most ${boundText(bound)} ${what} ${span}, would be ${names.length}: ${listed(names)}`,
  });
  if (perChange !== undefined && came.length > countOf(perChange)) {
    return [finding(came, perChange, 'per change')];
  }
  if (perHour === undefined || came.length === 0) return [];
  const present = new Set(PRESENT[of](after));
  const lately = [...new Set([...past.cameLately(of), ...came])].filter((name) => present.has(name));
  return lately.length > countOf(perHour) ? [finding(lately, perHour, 'per hour')] : [];
}

const PRESENT: Readonly<Record<NamesField, (policy: Policy) => Iterable<string>>> = {
  allowed_strategies: (policy) => policy.allowedStrategies,
  allowed_symbols: (policy) => policy.allowedSymbols,
  model_versions: (policy) => policy.modelVersions.keys(),
};

function countOf(bound: Bound): number {
  return 'amount' in bound ? bound.amount : Infinity;
}

function numberText({ field, from, to }: NumberMove, bound: Bound, reference: number, span: string): string {
  const text = (value: number | undefined): string => valueText(field, value);
  const verb = (to ?? 0) > (from ?? 0) ? 'rise' : 'fall';
  const unit = field === 'risk_mode' ? ' in the order DEFENSIVE, NORMAL, AGGRESSIVE' : '';
  const was = reference === (from ?? 0) ? '' : ` and was ${text(reference)} within the hour`;
  return `may ${verb} by at most ${boundText(bound)}${unit} ${span}, is ${text(from)}${was}, would be ${text(to)}`;
}

function valueText(field: NumberField, value: number | undefined): string {
  if (value === undefined) return 'not ranked';
  return field === 'risk_mode' ? (RiskMode[value] ?? String(value)) : String(value);
}

function boundText(bound: Bound): string {
  return 'amount' in bound ? String(bound.amount) : `${bound.percent} %`;
}

function boundJson(bound: Bound): number | string {
  return 'amount' in bound ? bound.amount : `${bound.percent}%`;
}

const MAX_LISTED = 5;

function listed(names: readonly string[]): string {
  const shownNames = names.slice(0, MAX_LISTED).map(shown);
  return names.length > MAX_LISTED ? `${shownNames.join(', ')}, …` : shownNames.join(', ');
}

import { type Applied, apply, copyPolicy, trimPatch } from '../patch/patch.js';
import type { Policy } from '../policy.js';
import { type Finding, report, type Violation } from '../violation.js';
import type { GuardedChange, Guardrail } from './guardrail.js';
import { loosenedFields, type Moves, movesOf } from './moves.js';
import type { Past } from './trail.js';

/**
 * What an applied change makes worse of all that the guardrails ask for. What only becomes tighter is never held up, even
 * where the result breaks a rule.
 *
 * @param after The base that the change has made.
 */
export function checkGuardrails(
  guardrails: readonly Guardrail[],
  applied: Applied,
  after: Policy,
  past: Past,
  moves: Moves = movesOf(applied),
): Violation[] {
  const loosened = loosenedFields(applied.fields, moves);
  if (loosened.length === 0) return [];
  let tightened: Policy | undefined;
  const change: GuardedChange = {
    applied,
    moves,
    loosened,
    after,
    tightened: () => (tightened ??= without(after, trimPatch(applied.inverse, new Set(loosened)))),
    past,
  };
  return report(guardrails.flatMap((guardrail) => named(guardrail, guardrail.check(change))));
}

function named({ name, description }: Guardrail, findings: readonly Finding[]): Finding[] {
  const rule = description === '' ? name : `${name}: ${description}`;
  return findings.map((finding) => ({
    ...finding,
    description: `${finding.description} (guardrail ${rule})`,
  }));
}

function without(policy: Policy, inverse: Applied['inverse']): Policy {
  const copy = copyPolicy(policy);
  apply(copy, inverse);
  return copy;
}

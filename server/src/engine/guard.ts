import { checkGuardrails } from '../domain/guardrails/check-guardrails.js';
import type { Guardrail } from '../domain/guardrails/guardrail.js';
import { movesOf } from '../domain/guardrails/moves.js';
import { ProposedPast, Trail } from '../domain/guardrails/trail.js';
import type { Applied } from '../domain/patch/patch.js';
import type { Policy } from '../domain/policy.js';
import { PolicyError } from '../errors.js';
import type { Replica } from './replica.js';
import type { StoreTime } from './store-time.js';

/** Where the rules of the operator come from; they may be others from one write to the next. */
export interface GuardrailSource {
  rulesIn(namespace: string): readonly Guardrail[];
}

/** Holds the changes of one batch against the guardrails, each on top of the ones before. */
export class Guard {
  readonly #rules: readonly Guardrail[];
  readonly #past: ProposedPast;

  constructor(
    rules: readonly Guardrail[],
    { trail = new Trail(), commitTime }: Replica,
    storeTime: StoreTime,
  ) {
    this.#rules = rules;
    // The store gives the next change a later time than either, so that an hour never ends early.
    this.#past = new ProposedPast(trail.at(Math.max(commitTime, storeTime.surely)));
  }

  /** Why a change must be taken back that was applied to the base and made `after`. */
  refusal(applied: Applied, after: Policy): PolicyError | undefined {
    const violations = checkGuardrails(this.#rules, applied, after, this.#past);
    if (violations.length === 0) return undefined;
    const text = violations.map(({ field, description }) => `${field} ${description}`).join('; ');
    return new PolicyError('GUARDRAIL_VIOLATED', text, { violations });
  }

  proposed(applied: Applied): void {
    this.#past.propose(movesOf(applied));
  }
}

import { parseGuardrails } from '../../server/src/domain/guardrails/parse-guardrails.js';
import type { GuardrailSource } from '../../server/src/engine/guard.js';

/** The rules as a file would have them, in force in the namespace `default`. */
export function guardrailsOf(...rules: object[]): GuardrailSource {
  const guardrails = parseGuardrails(JSON.stringify({ rules }), 'guardrails.json', ['default']);
  return { rulesIn: (namespace) => guardrails.in(namespace) };
}

/** Rules that a test can replace. */
export function changeableGuardrails(
  ...rules: object[]
): GuardrailSource & { set(...rules: object[]): void } {
  let source = guardrailsOf(...rules);
  return {
    rulesIn: (namespace) => source.rulesIn(namespace),
    set(...others) {
      source = guardrailsOf(...others);
    },
  };
}

import { add, type Decision } from './decision.js';
import { type PolicyView } from './policy-view.js';
import { addInvalid, describe, isName } from './values.js';

/** Allowed with the version that is in production. */
export type ModelDecision =
  | (Decision & { readonly allowed: true; readonly modelVersion: string })
  | (Decision & { readonly allowed: false; readonly modelVersion: undefined });

/**
 * The ensemble's gate: which version of a model is in production? It opens nothing, so neither the trading state nor
 * the lease matters. The answer is a new object each time.
 */
export function activeModel(view: PolicyView, model: string): ModelDecision {
  const modelVersion = isName(model) ? view.modelVersions.get(model) : undefined;
  const { version, reasons: none } = view.approval;
  if (modelVersion !== undefined) return { allowed: true, reasons: none, version, modelVersion };
  const reasons = isName(model)
    ? add(undefined, 'MODEL_UNKNOWN', `model ${describe(model)} is not in model_versions`)
    : addInvalid(undefined, 'model', 'a name', model);
  return { allowed: false, reasons, version, modelVersion };
}

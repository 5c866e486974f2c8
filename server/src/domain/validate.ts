import type { GlobalPolicy, PolicyPatch } from '@policystore/client/proto';

import type { FieldName, Policy } from './policy.js';
import type { Violation } from './violation.js';

export function validatePatch(_patch: PolicyPatch): Violation[] {
  return [];
}
export function validatePolicy(_policy: GlobalPolicy): Violation[] {
  return [];
}
export function validateResult(_policy: Policy, _fields: readonly FieldName[]): Violation[] {
  return [];
}

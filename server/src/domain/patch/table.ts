import { type PolicyPatch, RiskMode } from '@policystore/client/proto';

import { unsignedZero } from '../json.js';
import type { FieldName, Policy } from '../policy.js';
import type { Kind } from './kind.js';
import { list } from './list.js';
import { map } from './map.js';
import { scalar } from './scalar.js';
import { struct } from './struct.js';

/** What the algebra does with one field of a policy. */
export interface FieldAlgebra {
  /** Whether the patch names the field. */
  named(patch: PolicyPatch): boolean;
  /** Changes the policy and writes what changed into `forward` and `inverse`. False: nothing did. */
  apply(policy: Policy, patch: PolicyPatch, forward: PolicyPatch, inverse: PolicyPatch): boolean;
  diff(from: Policy, to: Policy, into: PolicyPatch): void;
  replacement(policy: Policy, into: PolicyPatch): void;
  /** Takes the field over from another patch. */
  take(patch: PolicyPatch, into: PolicyPatch): void;
  equal(a: Policy, b: Policy): boolean;
  /** A policy's value is put into `into` as a deep copy. */
  copy(policy: Policy, into: Partial<Policy>): void;
}

/** A patch that names nothing, as the contract's decoder makes it. */
export function emptyPatch(): PolicyPatch {
  return {
    riskMode: RiskMode.UNSPECIFIED,
    allowedStrategies: undefined,
    allowedSymbols: undefined,
    maxRiskPerTrade: undefined,
    maxPositions: undefined,
    globalMinConfidence: undefined,
    oppRankings: undefined,
    modelVersions: undefined,
    systemHealth: undefined,
    customParams: undefined,
  };
}

export const TABLE: Readonly<Record<FieldName, FieldAlgebra>> = {
  risk_mode: field('riskMode', scalar<RiskMode>()),
  allowed_strategies: field('allowedStrategies', list),
  allowed_symbols: field('allowedSymbols', list),
  max_risk_per_trade: field('maxRiskPerTrade', scalar<number>()),
  max_positions: field('maxPositions', scalar<number>()),
  global_min_confidence: field('globalMinConfidence', scalar<number>()),
  opp_rankings: field('oppRankings', map<number>(unsignedZero<number>)),
  model_versions: field('modelVersions', map<string>(String)),
  system_health: field('systemHealth', struct),
  custom_params: field('customParams', struct),
};

function field<P extends keyof Policy>(
  property: P,
  kind: Kind<Policy[P], NonNullable<PolicyPatch[P]>>,
): FieldAlgebra {
  const absent = emptyPatch()[property];
  const deltaOf = (patch: PolicyPatch): NonNullable<PolicyPatch[P]> | undefined => {
    const delta = patch[property];
    return delta === absent ? undefined : (delta ?? undefined);
  };
  const write = (into: PolicyPatch, delta: NonNullable<PolicyPatch[P]> | undefined): void => {
    if (delta !== undefined) into[property] = delta;
  };
  return {
    named: (patch) => deltaOf(patch) !== undefined,
    apply(policy, patch, forward, inverse) {
      const delta = deltaOf(patch);
      const outcome = delta === undefined ? undefined : kind.apply(policy[property], delta);
      if (outcome === undefined) return false;
      policy[property] = outcome.value;
      forward[property] = outcome.delta;
      inverse[property] = outcome.inverse;
      return true;
    },
    diff(from, to, into) {
      write(into, kind.diff(from[property], to[property]));
    },
    replacement(policy, into) {
      write(into, kind.replacement(policy[property]));
    },
    take(patch, into) {
      write(into, deltaOf(patch));
    },
    equal: (a, b) => kind.equal(a[property], b[property]),
    copy(policy, into) {
      into[property] = kind.copy(policy[property]);
    },
  };
}

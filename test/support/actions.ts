import { type Limits, Preset } from '@policystore/client/proto';
import fc from 'fast-check';

import { isUnlimited } from '../../server/src/domain/limits.js';
import { FIELDS } from '../../server/src/domain/policy.js';
import type { WriteAction } from '../../server/src/engine/types.js';
import {
  arbOverrideName,
  arbPatch,
  arbPolicy,
  arbSmallLimits,
  arbSmallPatch,
  arbSmallPolicy,
} from './arbitraries.js';
import { asUpdate } from './engine.js';

const arbLimits: fc.Arbitrary<Limits | undefined> = fc.option(
  arbSmallLimits.filter((limits) => !isUnlimited(limits)),
  { nil: undefined, freq: 3 },
);

/** Everything that a caller can do to a policy. Some of it is refused: it loosens, or means what is not there. */
export function arbAction(ttlsMs: readonly number[]): fc.Arbitrary<WriteAction> {
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.oneof(arbSmallPatch, arbPatch).map((patch): WriteAction => ({ kind: 'patch', patch })),
    },
    { weight: 2, arbitrary: fc.oneof(arbSmallPolicy, arbPolicy).map(asUpdate) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(Preset.UNSPECIFIED, Preset.AGGRESSIVE)
        .map((preset): WriteAction => ({ kind: 'reset', preset })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: 1, max: 12 }), fc.subarray([...FIELDS]))
        .map(([revision, fields]): WriteAction => ({
          kind: 'rollback',
          to: { revision, epoch: '' },
          fields,
        })),
    },
    { weight: 5, arbitrary: arbOverrideAction(ttlsMs) },
    { weight: 2, arbitrary: arbOverrideName.map((name): WriteAction => ({ kind: 'restore', name })) },
  );
}

export function arbOverrideAction(ttlsMs: readonly number[]): fc.Arbitrary<WriteAction> {
  return fc
    .tuple(arbOverrideName, arbLimits, fc.constantFrom(undefined, ...ttlsMs))
    .map(([name, limits, ttlMs]): WriteAction => ({ kind: 'override', name, limits, ttlMs }));
}

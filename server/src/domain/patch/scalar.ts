import { unsignedZero } from '../json.js';
import type { Kind } from './kind.js';

/** A number or an enum: the delta is the new value. */
export function scalar<N extends number>(): Kind<N, N> {
  return {
    apply(before, delta) {
      const value = unsignedZero(delta);
      return before === value ? undefined : { value, delta: value, inverse: before };
    },
    diff: (from, to) => (from === to ? undefined : to),
    replacement: (value) => value,
    equal: (a, b) => a === b,
    copy: (value) => value,
  };
}

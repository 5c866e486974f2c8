/**
 * How fields of one kind change. `Delta` is what a patch holds for such a field. Scalars, lists and structs are
 * values, replaced and never modified; a map is modified in place, because copying it would cost more than
 * most changes.
 */
export interface Kind<Value, Delta> {
  /** Undefined: the delta changes nothing. */
  apply(value: Value, delta: Delta): Outcome<Value, Delta> | undefined;
  /** What turns `from` into `to`. Undefined: they are equal. */
  diff(from: Value, to: Value): Delta | undefined;
  /** What turns any value (for structs: the empty one) into `value`. */
  replacement(value: Value): Delta;
  equal(a: Value, b: Value): boolean;
  copy(value: Value): Value;
}

export interface Outcome<Value, Delta> {
  readonly value: Value;
  /** The least that has the same effect. */
  readonly delta: Delta;
  readonly inverse: Delta;
}

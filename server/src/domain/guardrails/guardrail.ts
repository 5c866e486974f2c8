import type { Applied } from '../patch/patch.js';
import type { FieldName, JsonObject, Policy } from '../policy.js';
import type { Finding } from '../violation.js';
import type { Moves } from './moves.js';
import type { Past } from './trail.js';

/** One rule of the operator that no writer can exceed. */
export interface Guardrail {
  readonly name: string;
  /** Why it is there, in the operator's words. Empty: not said. */
  readonly description: string;
  /** Absent: in all. */
  readonly namespaces: readonly string[] | undefined;
  /** What it demands, as its file has it: a `schema`, or a `field` and how far it may move. */
  readonly demands: JsonObject;
  /** How much of the policy it looks at for one change, at most: keywords of a schema, once for each entry. */
  readonly steps: number;
  /** What the change makes worse, as paths in the policy. Empty: the rule lets it pass. */
  check(change: GuardedChange): Finding[];
}

/** A change of the base that was applied and may be taken back. */
export interface GuardedChange {
  readonly applied: Applied;
  readonly moves: Moves;
  /** The fields that did more than become tighter: what a guardrail may hold up. */
  readonly loosened: readonly FieldName[];
  /** The base after the change. */
  readonly after: Policy;
  /** The base after what the change only tightens: what is wrong with that is not the doing of the rest. */
  readonly tightened: () => Policy;
  readonly past: Past;
}

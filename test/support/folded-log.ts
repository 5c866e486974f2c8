import { type Change, ChangeKind, type GetResponse, View } from '@policystore/client/proto';
import { expect } from 'chai';

import { effectivePolicy, effectiveState } from '../../server/src/domain/effective.js';
import { changeOverrides, microsOf, type Overrides } from '../../server/src/domain/overrides.js';
import {
  apply,
  copyPolicy,
  emptyPatch,
  equalPolicies,
  touchedFields,
} from '../../server/src/domain/patch/patch.js';
import { FIELDS, type FieldName, type Policy } from '../../server/src/domain/policy.js';
import { nothing, policyOf } from './engine.js';

/** What the log makes of a namespace at one revision. */
export interface FoldedState {
  readonly base: Policy;
  readonly overrides: Overrides;
  readonly effective: Policy;
  /** Top-level names that the change touched, in the base or in the effective policy. */
  readonly fields: readonly FieldName[];
  readonly change: Change | undefined;
}

/** The state at every revision of a log that begins at its first entry, folded and checked change by change. */
export class FoldedLog {
  /** By revision; before the first one there is nothing. */
  readonly states: FoldedState[] = [
    { base: nothing(), overrides: [], effective: nothing(), fields: [], change: undefined },
  ];

  get newest(): FoldedState {
    return this.states.at(-1)!;
  }

  /** @param commitTime Microseconds since the Unix epoch. */
  fold(change: Change, commitTime: number): void {
    const { base: before, overrides: known, effective: seen } = this.newest;
    const [base, effective] = [copyPolicy(before), copyPolicy(seen)];
    apply(base, change.patch!);
    apply(effective, change.effectivePatch ?? change.patch!);
    const overrides = change.overrides ? changeOverrides(known, change.overrides) : known;
    const revision = this.states.length;
    const tightened = effectivePolicy(base, overrides);
    if (!equalPolicies(effective, tightened))
      expect(effective, `effective at ${revision}`).to.deep.equal(tightened);
    if (change.effectivePatch !== undefined) expect(known.length + overrides.length).to.be.above(0);
    expectOverridesChange(change, known, commitTime);
    const touched = [change.patch!, change.effectivePatch ?? emptyPatch()].flatMap(touchedFields);
    const fields = FIELDS.filter((field) => touched.includes(field));
    this.states.push({ base, overrides, effective, fields, change });
  }

  /** Undoes the log from the newest revision: every earlier one comes back. */
  expectUndone(): void {
    const base = copyPolicy(this.newest.base);
    let { overrides } = this.newest;
    for (let revision = this.states.length - 1; revision > 1; revision -= 1) {
      const { inverse, overrides: touched } = this.states[revision]!.change!;
      apply(base, inverse!);
      if (touched) overrides = changeOverrides(overrides, { before: touched.after, after: touched.before });
      const earlier = this.states[revision - 1]!;
      if (!equalPolicies(base, earlier.base))
        expect(base, `undone to ${revision - 1}`).to.deep.equal(earlier.base);
      expect(overrides).to.deep.equal(earlier.overrides);
    }
  }
}

/** Overrides change only by calls that mean them, from what is in force, and end by themselves only when it is time. */
function expectOverridesChange(
  { kind, actor, overrides, patch, requestId }: Change,
  known: Overrides,
  commitTime: number,
): void {
  const changesOverrides = [ChangeKind.OVERRIDE, ChangeKind.RESTORE, ChangeKind.EXPIRE].includes(kind);
  expect(overrides !== undefined, `whether ${ChangeKind[kind]} changes overrides`).to.equal(changesOverrides);
  if (overrides === undefined) return;
  expect(patch).to.deep.equal(emptyPatch());
  const { before, after } = overrides;
  const names = [...before, ...after].map(({ name }) => name);
  expect(before).to.deep.equal(known.filter(({ name }) => names.includes(name)));
  expect(new Set(names).size).to.equal(1);
  for (const { pending } of after) expect(pending).to.equal(false);
  if (kind === ChangeKind.OVERRIDE) expect(requestId).to.not.equal('');
  if (kind !== ChangeKind.EXPIRE) return;
  expect(actor).to.equal('system');
  expect(after).to.deep.equal([]);
  expect(microsOf(before[0]!.until!), 'until').to.be.at.most(commitTime);
}

/** Expects what a Get gave to be a state of the log, with what is pending there besides. */
export function expectState({ policy, version }: GetResponse, view: View, log: FoldedLog): void {
  const { base, overrides, effective } = log.states[version!.revision]!;
  const got = policyOf(policy);
  const inForce = policy!.overrides;
  const isApart = inForce.some(({ pending }) => pending);
  if (!isApart) expect(inForce).to.deep.equal(overrides);
  for (const { name } of overrides) expect(inForce.map((each) => each.name)).to.include(name);
  const expected = view === View.BASE ? base : isApart ? effectivePolicy(base, inForce) : effective;
  if (!equalPolicies(got, expected))
    expect(got, `${View[view]} at ${version!.revision}`).to.deep.equal(expected);
  expect(policy!.tradingState).to.equal(effectiveState(inForce));
}

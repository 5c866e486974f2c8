import { Delivery, TradingState, type WatchResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import {
  apply,
  copyPolicy,
  equalPolicies,
  replacement,
  touchedFields,
  trimPatch,
} from '../../server/src/domain/patch/patch.js';
import type { FieldName, Policy } from '../../server/src/domain/policy.js';
import { nothing, policyOf } from './engine.js';

/** What a reader asked for. */
export interface Asked {
  readonly delivery: Delivery;
  readonly fields: readonly FieldName[];
  /** The revision that it held. */
  readonly after: number | undefined;
}

/** The policy with all other fields as if never set; an empty list of fields keeps them all. */
export function trimmed(policy: Policy, fields: readonly FieldName[]): Policy {
  if (fields.length === 0) return policy;
  const result = nothing();
  apply(result, trimPatch(replacement(policy), new Set(fields)));
  return result;
}

/**
 * Expects the messages of a watch to tell the history, `history[revision]`, as the contract promises: folded,
 * they give the policy of that revision at every message; none is lost, repeated or out of order; `previous` is
 * always what the reader holds.
 * @returns the revision that the reader holds in the end.
 */
export function expectHistory(
  messages: readonly WatchResponse[],
  history: readonly Policy[],
  { delivery, fields, after }: Asked,
): number {
  let held = after === undefined ? undefined : copyPolicy(trimmed(history[after]!, fields));
  let at = after ?? 0;
  for (const { event, version, previous, resync, cause, ...state } of messages) {
    const { revision } = version!;
    expect(previous, 'previous').to.equal(at);
    expect(state.tradingState).to.equal(TradingState.ACTIVE);
    expect(state.overrides).to.deep.equal([]);
    expect(state.validFor).to.not.equal(undefined);
    if (event === undefined) {
      expect(held, 'what a heartbeat confirms').to.not.equal(undefined);
      expect(revision).to.be.at.least(at);
    } else {
      expect(revision).to.be.above(at);
    }
    const relevant = relevantChanges(history, at, revision, fields);
    switch (event?.$case) {
      case undefined:
        expect(relevant, 'changes that a heartbeat passes over').to.equal(0);
        expect(resync).to.equal(false);
        expect(cause).to.equal(undefined);
        break;
      case 'patch': {
        expect(delivery).to.equal(Delivery.PATCHES);
        expect(relevant, `relevant changes from ${at} to ${revision} in one patch`).to.equal(1);
        expect(relevantChanges(history, revision - 1, revision, fields)).to.equal(1);
        if (fields.length === 0) expect(revision).to.equal(at + 1);
        expect(resync).to.equal(false);
        expect(cause?.fields).to.deep.equal(touchedFields(event.value));
        if (fields.length > 0) expect(fields).to.include.members(touchedFields(event.value));
        apply(held!, event.value);
        break;
      }
      case 'snapshot': {
        const isFirst = held === undefined;
        if (delivery === Delivery.PATCHES && !isFirst) expect(resync, 'resync').to.equal(true);
        if (delivery === Delivery.SNAPSHOTS && !isFirst && !resync) expect(relevant).to.equal(1);
        held = { ...nothing(), ...present(policyOf(event.value)) };
        break;
      }
    }
    const expected = trimmed(history[revision]!, fields);
    if (!equalPolicies(held!, expected)) expect(held, `held at revision ${revision}`).to.deep.equal(expected);
    at = revision;
  }
  return at;
}

/** How many changes after `from` up to `to` touch the fields. The creation touches them all. */
function relevantChanges(
  history: readonly Policy[],
  from: number,
  to: number,
  fields: readonly FieldName[],
): number {
  let count = 0;
  for (let revision = from + 1; revision <= to; revision += 1) {
    const [before, after] = [history[revision - 1]!, history[revision]!];
    if (fields.length === 0 || revision === 1) count += 1;
    else if (!equalPolicies(trimmed(before, fields), trimmed(after, fields))) count += 1;
  }
  return count;
}

function present(policy: Policy): Partial<Policy> {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

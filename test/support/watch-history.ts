import {
  ChangeKind,
  Delivery,
  type Override,
  type TradingState,
  type WatchResponse,
} from '@policystore/client/proto';
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
import { nothing, policyOf, type TestEngine } from './engine.js';
import type { FoldedState } from './folded-log.js';

/** What a reader asked for. */
export interface Asked {
  readonly delivery: Delivery;
  readonly fields: readonly FieldName[];
  /** The revision that it held. */
  readonly after: number | undefined;
}

/** A message, and what its server held when it was made. */
export interface Heard {
  readonly message: WatchResponse;
  readonly host: HostState;
}

export interface HostState {
  readonly revision: number;
  readonly effective: Policy;
  readonly overrides: readonly Override[];
  readonly tradingState: TradingState;
  /** An override was pending there, or had just been: what readers are told is not the log alone. */
  readonly isApart: boolean;
}

/** An engine, and whether what its readers are told is the log alone. */
export class Host {
  readonly engine: TestEngine;
  #settled = 0;

  constructor(engine: TestEngine) {
    this.engine = engine;
  }

  get state(): HostState {
    const { policy, version } = this.engine.get();
    return {
      revision: version!.revision,
      effective: policyOf(policy),
      overrides: policy!.overrides,
      tradingState: policy!.tradingState,
      isApart: this.#pended > this.#settled || this.#isPending,
    };
  }

  /** Nothing is under way: readers that keep up have been told everything. */
  settle(): void {
    if (!this.#isPending) this.#settled = this.#pended;
  }

  get #isPending(): boolean {
    return this.engine.get().policy!.overrides.some(({ pending }) => pending);
  }

  get #pended(): number {
    return this.engine.log.filter(({ event }) => event === 'overridePending').length;
  }
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
 * they give the effective policy of that revision at every message; none is lost, repeated or out of order; `previous`
 * is always what the reader holds. While the server is apart from the log, they give what it holds.
 * @returns what the reader holds in the end.
 */
export function expectHistory(
  heard: readonly Heard[],
  history: readonly FoldedState[],
  { delivery, fields, after }: Asked,
): { readonly at: number; readonly held: Policy | undefined } {
  let held = after === undefined ? undefined : copyPolicy(trimmed(history[after]!.effective, fields));
  let at = after ?? 0;
  let wasApart = false;
  for (const { message, host } of heard) {
    const { event, version, previous, resync, cause } = message;
    const { revision } = version!;
    const isApart = wasApart || host.isApart;
    wasApart = host.isApart;
    expect(previous, 'previous').to.equal(at);
    expect(message.tradingState).to.equal(host.tradingState);
    expect(message.overrides).to.deep.equal(host.overrides);
    expect(message.validFor).to.not.equal(undefined);
    if (event === undefined) {
      expect(held, 'what a heartbeat confirms').to.not.equal(undefined);
      expect(revision).to.be.at.least(at);
    } else if (isApart || (event.$case === 'snapshot' && resync)) {
      // Without a revision of its own, what was pending may have come and gone while the reader was blocked.
      expect(revision).to.be.at.least(at);
    } else {
      expect(revision).to.be.above(at);
    }
    const relevant = relevantChanges(history, at, revision, fields);
    switch (event?.$case) {
      case undefined:
        if (!isApart) expect(relevant, 'changes that a heartbeat passes over').to.equal(0);
        expect(resync).to.equal(false);
        expect(cause).to.equal(undefined);
        break;
      case 'patch': {
        expect(delivery).to.equal(Delivery.PATCHES);
        expect(resync).to.equal(false);
        if (fields.length > 0) expect(fields).to.include.members(touchedFields(event.value));
        expect(cause?.fields).to.include.members(touchedFields(event.value));
        if (!isApart) {
          expect(relevant, `relevant changes from ${at} to ${revision} in one patch`).to.equal(1);
          expect(relevantChanges(history, revision - 1, revision, fields)).to.equal(1);
          const { fields: touched, change } = history[revision]!;
          expect(cause?.fields).to.deep.equal(touched.filter((field) => isWanted(field, fields)));
          expect(cause).to.deep.include({ kind: change!.kind, actor: change!.actor, reason: change!.reason });
        }
        if (fields.length === 0) expect(revision).to.equal(isApart ? Math.min(revision, at + 1) : at + 1);
        if (revision === at) expect(cause?.kind).to.equal(ChangeKind.OVERRIDE);
        apply(held!, event.value);
        break;
      }
      case 'snapshot': {
        const isFirst = held === undefined;
        if (delivery === Delivery.PATCHES && !isFirst) expect(resync, 'resync').to.equal(true);
        if (delivery === Delivery.SNAPSHOTS && !isFirst && !resync && !isApart) expect(relevant).to.equal(1);
        expect(event.value.overrides).to.deep.equal(host.overrides);
        expect(event.value.tradingState).to.equal(host.tradingState);
        held = copyPolicy({ ...nothing(), ...present(policyOf(event.value)) });
        break;
      }
    }
    const isNewest = revision === host.revision;
    if (isNewest || !isApart) {
      const expected = trimmed(isNewest ? host.effective : history[revision]!.effective, fields);
      if (!equalPolicies(held!, expected))
        expect(held, `held at revision ${revision}`).to.deep.equal(expected);
    }
    at = revision;
  }
  return { at, held };
}

/** How many changes after `from` up to `to` touch the fields. The creation touches them all, as does every override. */
function relevantChanges(
  history: readonly FoldedState[],
  from: number,
  to: number,
  fields: readonly FieldName[],
): number {
  let count = 0;
  for (let revision = from + 1; revision <= to; revision += 1) {
    const [before, after] = [history[revision - 1]!, history[revision]!];
    if (fields.length === 0 || revision === 1 || after.change?.overrides) count += 1;
    else if (!equalPolicies(trimmed(before.effective, fields), trimmed(after.effective, fields))) count += 1;
  }
  return count;
}

function isWanted(field: FieldName, fields: readonly FieldName[]): boolean {
  return fields.length === 0 || fields.includes(field);
}

function present(policy: Policy): Partial<Policy> {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

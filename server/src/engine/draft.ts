import type { GlobalPolicy, Version } from '@policystore/client/proto';

import {
  effectivePatch,
  effectivePolicy,
  effectiveState,
  maskedFields,
  maskedLists,
} from '../domain/effective.js';
import { MAX_ENCODED_BYTES } from '../domain/encode.js';
import { changeOverrides, findOverride, type Overrides } from '../domain/overrides.js';
import { type Applied, copyPolicy, emptyPatch } from '../domain/patch/patch.js';
import type { FieldName, Policy } from '../domain/policy.js';
import { validateResult } from '../domain/validate.js';
import { invalid, PolicyError } from '../errors.js';
import type { Authorizer } from './access/authorizer.js';
import { type Authorship, formatVersion, isSameVersion, type ProposedChange, timestamp } from './change.js';
import { Composer, type Part } from './composer.js';
import type { Guard } from './guard.js';
import type { FieldRevisions, Guarded } from './field-revisions.js';
import type { PreparedWrite } from './prepare-write.js';
import { mergePending, type Replica } from './replica.js';
import type { SeenRequest } from './seen-requests.js';
import type { BaseStep, OverridesStep } from './steps.js';
import type { WriteOutcome } from './types.js';

/** What comes of a write if the store confirms the head that it was worked out on. */
export type Verdict =
  | { readonly kind: 'outcome'; readonly outcome: WriteOutcome }
  /** The request was committed before, as this revision. */
  | { readonly kind: 'replay'; readonly version: Version }
  | { readonly kind: 'refused'; readonly error: PolicyError }
  /** Nothing was asked but the confirmation. */
  | { readonly kind: 'confirmed' };

/**
 * Works a batch of writes out on the replica's working copy, each on top of the ones before. Outside of one
 * synchronous turn the working copy is the committed state: `undo` before giving control back.
 */
export class Draft {
  readonly #replica: Replica;
  readonly #authorizer: Authorizer;
  readonly #composer: Composer;
  readonly #inverses: Applied['inverse'][] = [];
  readonly #requests = new Map<string, SeenRequest>();
  readonly #fieldRevisions: FieldRevisions;
  readonly #guard: Guard | undefined;

  /** @param guard Absent: there are no guardrails. */
  constructor(replica: Replica, authorizer: Authorizer, guard?: Guard) {
    this.#replica = replica;
    this.#authorizer = authorizer;
    this.#composer = new Composer(replica.base, replica.overrides, replica.head);
    this.#fieldRevisions = replica.fieldRevisions.fork();
    this.#guard = guard;
  }

  get changes(): readonly ProposedChange[] {
    return this.#composer.changes;
  }

  /** Size of the proposed log entries in bytes. */
  get size(): number {
    return this.#composer.size;
  }

  /** @param accepted The write is an override that is in force here already: it cannot be refused any more. */
  add(write: PreparedWrite, { accepted = false } = {}): Verdict {
    try {
      return this.#add(write, accepted);
    } catch (error) {
      if (error instanceof PolicyError) return { kind: 'refused', error };
      throw error;
    }
  }

  undo(): void {
    for (const inverse of this.#inverses.splice(0).reverse()) this.#replica.base.apply(inverse);
  }

  #add(write: PreparedWrite, accepted: boolean): Verdict {
    const { request, step, requestId } = write;
    const seen = request.validateOnly ? undefined : this.#seen(requestId);
    if (seen !== undefined) {
      checkSameRequest(write, seen);
      return { kind: 'replay', version: { epoch: seen.epoch, revision: seen.revision } };
    }
    if (!accepted) {
      this.#authorizer.checkRead(write);
      this.#checkExpectedVersion(write);
    }
    const outcome = step.on === 'base' ? this.#change(write, step) : this.#override(write, step, accepted);
    return { kind: 'outcome', outcome };
  }

  #seen(requestId: string): SeenRequest | undefined {
    if (requestId === '') return undefined;
    return this.#requests.get(requestId) ?? this.#replica.requests.get(requestId);
  }

  #checkExpectedVersion({ request, step }: PreparedWrite): void {
    const expected = request.expectedVersion;
    if (expected === undefined) return;
    const guarded = step.on === 'base' ? step.guarded : step.guarded(this.#composer.overrides);
    const { head } = this.#composer;
    const conflict =
      request.exactly === true
        ? differing(expected, head)
        : this.#fieldRevisions.conflict(expected, head, guarded);
    if (conflict === undefined) return;
    throw new PolicyError(
      'VERSION_MISMATCH',
      `expected_version ${formatVersion(expected)} does not hold: ${conflict}. ` +
        'Read the policy again and decide anew.',
    );
  }

  #change(write: PreparedWrite, step: BaseStep): WriteOutcome {
    const { base } = this.#replica;
    const isDryRun = write.request.validateOnly;
    const before = this.#composer.effective();
    const masked = step.replacedLists.length > 0 ? maskedLists(base.policy, this.#inForce()) : [];
    const old = { ...base.policy };
    const applied = base.apply(step.patchFor(base.policy));
    this.#inverses.push(applied.inverse);
    const takeBack = (): void => {
      this.#inverses.pop();
      base.apply(applied.inverse);
    };
    const refusal =
      this.#authorizer.refusal(write, applied.fields, old, base.policy) ??
      this.#violated(applied) ??
      this.#guard?.refusal(applied, base.policy) ??
      refuseMasked(write, step, masked, applied);
    if (refusal !== undefined) {
      takeBack();
      throw refusal;
    }
    const policy = isDryRun ? this.#visible(copyPolicy(base.policy)) : undefined;
    const visible = this.#inForce();
    const hidden = visible === base.policy ? [] : maskedFields(applied.patch, base.policy, visible);
    if (isDryRun || applied.fields.length === 0) takeBack();
    else {
      this.#propose(write, { applied, says: { rollbackTo: step.rollbackTo } }, before, applied.fields);
      this.#guard?.proposed(applied);
    }
    return { version: this.#version, patch: applied.patch, maskedFields: hidden, replayed: false, policy };
  }

  #override(write: PreparedWrite, step: OverridesStep, accepted: boolean): WriteOutcome {
    const known = this.#composer.overrides;
    const overrides = step.changeFor(known, { accepted });
    if (!accepted) this.#authorizer.checkOverrides(write, overrides);
    const then = overrides === undefined ? known : changeOverrides(known, overrides);
    const before = this.#composer.effective();
    const after = effectivePolicy(this.#replica.base.policy, then);
    const isDryRun = write.request.validateOnly;
    if (overrides !== undefined && !isDryRun) this.#propose(write, { overrides }, before, ['overrides']);
    return {
      version: this.#version,
      patch: effectivePatch(before, after, emptyPatch()),
      maskedFields: [],
      replayed: false,
      policy: isDryRun ? this.#visible(copyPolicy(this.#inForce(then)), then) : undefined,
      override: findOverride(then, step.name),
    };
  }

  #propose(write: PreparedWrite, part: Part, before: Policy, guarded: readonly Guarded[]): void {
    const { request, step, requestId, hash } = write;
    const { actor, reason } = request;
    const authorship: Authorship = {
      kind: step.kind,
      actor: actor.name,
      actorVerified: actor.verified,
      reason,
      requestId,
      requestHash: Buffer.from(hash),
    };
    const change = this.#composer.add(authorship, part, before);
    this.#fieldRevisions.changed(guarded, change.revision);
    if (requestId !== '')
      this.#requests.set(requestId, { epoch: change.epoch, revision: change.revision, hash });
  }

  #violated(applied: Applied): PolicyError | undefined {
    const { policy, encodedSize } = this.#replica.base;
    const violations = validateResult(policy, applied.fields);
    if (encodedSize > MAX_ENCODED_BYTES) {
      const description = `must be at most 1 MiB encoded, would be ${String(encodedSize)} bytes`;
      violations.push({ field: 'policy', description });
    }
    return violations.length > 0 ? invalid(violations) : undefined;
  }

  /** The effective policy as readers of this replica would get it. */
  #inForce(overrides: Overrides = this.#composer.overrides): Policy {
    return effectivePolicy(this.#replica.base.policy, mergePending(overrides, this.#replica.pending));
  }

  get #version(): Version {
    const { epoch, revision } = this.#composer.head;
    return { epoch, revision };
  }

  #visible(policy: Policy, overrides = this.#composer.overrides): GlobalPolicy {
    const { commitTime, pending } = this.#replica;
    const inForce = mergePending(overrides, pending);
    return {
      ...policy,
      lastUpdated: timestamp(commitTime),
      tradingState: effectiveState(inForce),
      overrides: [...inForce],
    };
  }
}

/** Why the current version is not the expected one; undefined: it is. */
function differing(expected: Version, current: Version): string | undefined {
  if (isSameVersion(expected, current)) return undefined;
  return `the current version is ${formatVersion(current)}`;
}

/** A list as executors read it lacks what an override hides: written back, it would be lost for good. */
function refuseMasked(
  { request }: PreparedWrite,
  { replacedLists }: BaseStep,
  masked: readonly FieldName[],
  applied: Applied,
): PolicyError | undefined {
  if (request.expectedVersion !== undefined) return undefined;
  const lists = replacedLists.filter((list) => masked.includes(list) && applied.fields.includes(list));
  if (lists.length === 0) return undefined;
  return new PolicyError(
    'FIELD_MASKED',
    `an override hides a part of ${lists.join(' and ')}, and replacing it would lose that part: use add and remove, or ` +
      'read view BASE and give its version as expected_version',
  );
}

function checkSameRequest({ requestId, hash }: PreparedWrite, seen: SeenRequest): void {
  if (hash.equals(seen.hash)) return;
  throw new PolicyError(
    'REQUEST_ID_REUSED',
    `request_id ${JSON.stringify(requestId)} was used for another write or by another identity, ` +
      `committed as revision ${String(seen.revision)}. Give every write an id of its own.`,
  );
}

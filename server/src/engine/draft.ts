import { ChangeKind, type GlobalPolicy } from '@policystore/client/proto';

import { MAX_ENCODED_BYTES } from '../domain/encode.js';
import { fieldWrites } from '../domain/fields.js';
import { type Applied, copyPolicy } from '../domain/patch/patch.js';
import { validateResult } from '../domain/validate.js';
import { invalid, PolicyError } from '../errors.js';
import type { Head } from '../store/store.js';
import { formatVersion, type ProposedChange, proposeChange, timestamp } from './change.js';
import type { FieldRevisions } from './field-revisions.js';
import type { PreparedWrite } from './prepare-write.js';
import type { Replica } from './replica.js';
import type { SeenRequest } from './seen-requests.js';
import type { WriteOutcome } from './types.js';

/** What comes of a write if the store confirms the head that it was worked out on. */
export type Verdict =
  | { readonly kind: 'outcome'; readonly outcome: WriteOutcome }
  /** The request was committed before, as this revision. */
  | { readonly kind: 'replay'; readonly revision: number }
  | { readonly kind: 'refused'; readonly error: PolicyError }
  /** Nothing was asked but the confirmation. */
  | { readonly kind: 'confirmed' };

const KINDS = { update: ChangeKind.UPDATE, patch: ChangeKind.PATCH, reset: ChangeKind.RESET } as const;

/**
 * Works a batch of writes out on the replica's working copy, each on top of the ones before. Outside of one
 * synchronous turn the working copy is the committed state: `undo` before giving control back.
 */
export class Draft {
  readonly changes: ProposedChange[] = [];
  /** Size of the proposed log entries in bytes. */
  size = 0;
  readonly #replica: Replica;
  readonly #inverses: Applied['inverse'][] = [];
  readonly #requests = new Map<string, SeenRequest>();
  readonly #fieldRevisions: FieldRevisions;
  #head: Head;

  constructor(replica: Replica) {
    this.#replica = replica;
    this.#head = replica.head;
    this.#fieldRevisions = replica.fieldRevisions.fork();
  }

  add(write: PreparedWrite): Verdict {
    try {
      return this.#add(write);
    } catch (error) {
      if (error instanceof PolicyError) return { kind: 'refused', error };
      throw error;
    }
  }

  undo(): void {
    for (const inverse of this.#inverses.splice(0).reverse()) this.#replica.base.apply(inverse);
  }

  #add(write: PreparedWrite): Verdict {
    const { request } = write;
    const seen = request.validateOnly ? undefined : this.#seen(request.requestId);
    if (seen !== undefined) {
      checkSameRequest(write, seen);
      return { kind: 'replay', revision: seen.revision };
    }
    this.#checkExpectedVersion(write);
    const { base } = this.#replica;
    const applied = base.apply(write.patchFor(base.policy));
    this.#inverses.push(applied.inverse);
    const violations = this.#violations(applied);
    const policy = request.validateOnly ? this.#wouldBe() : undefined;
    if (violations.length > 0 || request.validateOnly || applied.fields.length === 0) {
      this.#inverses.pop();
      base.apply(applied.inverse);
    } else {
      this.#propose(write, applied);
    }
    if (violations.length > 0) throw invalid(violations);
    const { epoch, revision } = this.#head;
    const outcome: WriteOutcome = {
      version: { epoch, revision },
      patch: applied.patch,
      maskedFields: [],
      replayed: false,
      policy,
    };
    return { kind: 'outcome', outcome };
  }

  #seen(requestId: string): SeenRequest | undefined {
    if (requestId === '') return undefined;
    return this.#requests.get(requestId) ?? this.#replica.requests.get(requestId);
  }

  #checkExpectedVersion({ request, touched }: PreparedWrite): void {
    const expected = request.expectedVersion;
    if (expected === undefined) return;
    const conflict = this.#fieldRevisions.conflict(expected, this.#head, touched);
    if (conflict === undefined) return;
    throw new PolicyError(
      'VERSION_MISMATCH',
      `expected_version ${formatVersion(expected)} does not hold: ${conflict}. ` +
        'Read the policy again and decide anew.',
    );
  }

  #violations(applied: Applied) {
    const { policy, encodedSize } = this.#replica.base;
    const violations = validateResult(policy, applied.fields);
    if (encodedSize > MAX_ENCODED_BYTES) {
      const description = `must be at most 1 MiB encoded, would be ${String(encodedSize)} bytes`;
      violations.push({ field: 'policy', description });
    }
    return violations;
  }

  #propose({ request, hash }: PreparedWrite, applied: Applied): void {
    const { requestId, reason, actor, action } = request;
    const change = proposeChange(
      this.#head.epoch,
      this.#head,
      { kind: KINDS[action.kind], actor: actor.name, reason, requestId, requestHash: hash },
      applied,
      fieldWrites(applied, this.#replica.base.policy),
    );
    this.changes.push(change);
    this.size += change.size;
    this.#head = change;
    this.#fieldRevisions.changed(applied.fields, change.revision);
    if (requestId !== '') this.#requests.set(requestId, { revision: change.revision, hash });
  }

  #wouldBe(): GlobalPolicy {
    const { base, commitTime, tradingState, overrides } = this.#replica;
    return { ...copyPolicy(base.policy), lastUpdated: timestamp(commitTime), tradingState, overrides };
  }
}

function checkSameRequest({ request, hash }: PreparedWrite, seen: SeenRequest): void {
  if (hash.equals(seen.hash)) return;
  throw new PolicyError(
    'REQUEST_ID_REUSED',
    `request_id ${JSON.stringify(request.requestId)} was used for another write or by another identity, ` +
      `committed as revision ${String(seen.revision)}. Give every write an id of its own.`,
  );
}

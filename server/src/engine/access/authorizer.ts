import type { OverridesChange } from '@policystore/client/proto';

import { type Refused, refusedFields, refusedRestore, refusedTrip } from '../../domain/access/refused.js';
import { ALL_RIGHTS, type Rights } from '../../domain/access/rights.js';
import type { Ordered } from '../../domain/compare.js';
import type { FieldName } from '../../domain/policy.js';
import type { PolicyError } from '../../errors.js';
import type { PreparedWrite } from '../prepare-write.js';
import type { Access } from './access.js';
import { denied, lacking } from './denied.js';

/** Whether writes of one namespace may do what they would do, by the access that is in force when they are asked about. */
export class Authorizer {
  readonly #access: Access;
  readonly #namespace: string;

  constructor({ access, namespace }: { readonly access: Access; readonly namespace: string }) {
    this.#access = access;
    this.#namespace = namespace;
  }

  /** What a write answers shows the policy. @throws PolicyError PERMISSION_DENIED */
  checkRead(write: PreparedWrite): void {
    if (!this.#rightsOf(write).read) throw lacking('read', this.#placeOf(write));
  }

  /**
   * Why a change of the base must be taken back.
   * @param fields What it really changed.
   */
  refusal(
    write: PreparedWrite,
    fields: readonly FieldName[],
    before: Ordered,
    after: Ordered,
  ): PolicyError | undefined {
    const rights = this.#rightsOf(write);
    return rights === ALL_RIGHTS
      ? undefined
      : this.#refusal(write, refusedFields(rights, fields, before, after));
  }

  /** @throws PolicyError PERMISSION_DENIED for what a change of the overrides must not do. */
  checkOverrides(write: PreparedWrite, change: OverridesChange | undefined): void {
    const { action, actor } = write.request;
    if (change === undefined) return;
    if (action.kind === 'override') {
      this.checkTrip(write);
      return;
    }
    const rights = this.#rightsOf(write);
    this.#refuse(
      write,
      change.before.flatMap((override) => refusedRestore(rights, actor.name, override)),
    );
  }

  /** Of an override, whatever is in force. @throws PolicyError PERMISSION_DENIED */
  checkTrip(write: PreparedWrite): void {
    const { action } = write.request;
    if (action.kind !== 'override') return;
    this.#refuse(write, refusedTrip(this.#rightsOf(write), { hasTtl: action.ttlMs !== undefined }));
  }

  #refuse(write: PreparedWrite, refused: readonly Refused[]): void {
    const refusal = this.#refusal(write, refused);
    if (refusal !== undefined) throw refusal;
  }

  #refusal(write: PreparedWrite, refused: readonly Refused[]): PolicyError | undefined {
    return refused.length === 0 ? undefined : denied(this.#placeOf(write), refused);
  }

  /** What the engine does by itself needs no right. */
  #rightsOf({ request: { action, actor } }: PreparedWrite): Rights {
    return action.kind === 'expire' ? ALL_RIGHTS : this.#access.rightsOf(actor, this.#namespace);
  }

  #placeOf({ request }: PreparedWrite): Parameters<typeof denied>[0] {
    return { access: this.#access, identity: request.actor, namespace: this.#namespace };
  }
}

import { randomUUID } from 'node:crypto';

import { type Calls, type StartCall } from './calls.js';
import { type Channels, type Route } from './channels.js';
import { readEnum } from './enums.js';
import { PolicyStoreError } from './errors.js';
import { type FleetClient } from './fleet/fleet-client.js';
import { type PatchInput, type PolicyInput, writePatch, writePolicy } from './input.js';
import { checkNames } from './names.js';
import { OPTIONS, type OverrideOptions, type RollbackOptions, type WriteOptions } from './options.js';
import { type OverrideResult, readOutcomes, readTrial, type TakenOverride } from './override.js';
import { type OverrideInput, writeOverride } from './override-input.js';
import { readPolicy } from './policy.js';
import {
  type OverrideRequest,
  type OverrideResponse,
  PolicyPatch,
  Preset,
  type RestoreResponse,
  type UpdateResponse,
} from './proto.js';
import {
  checkWaitFor,
  readOverrideId,
  readOverrideName,
  readRevision,
  readRollbackFields,
} from './read-options.js';
import { type Received, type RestoreResult, type WriteResult } from './results.js';
import { type Session } from './session.js';
import { type Version } from './version.js';

/** What all write requests have in common. */
interface WriteRequest {
  namespace: string;
  expectedVersion: Version | undefined;
  requestId: string;
  reason: string;
  validateOnly: boolean;
}

/** What all write responses have in common; a restore masks nothing. */
type WriteResponse = Omit<UpdateResponse, 'maskedFields'> & { maskedFields?: string[] };

export interface WritesContext {
  readonly namespace: string;
  readonly calls: Calls;
  readonly channels: Channels;
  readonly session: Session;
  readonly fleet: FleetClient;
}

/** All that changes the policy; see PolicyClient. */
export class Writes {
  readonly #context: WritesContext;

  constructor(context: WritesContext) {
    this.#context = context;
  }

  async update(policy: PolicyInput, options: WriteOptions): Promise<WriteResult> {
    const request = { ...this.#request(options), policy: writePolicy(policy) };
    const start: StartCall<WriteResponse> = (channel, ...call) => channel.policy.update(request, ...call);
    return this.#received(await this.#write(options, request, start), options);
  }

  async patch(patch: PatchInput, options: WriteOptions): Promise<WriteResult> {
    const request = { ...this.#request(options), patch: writePatch(patch) };
    const start: StartCall<WriteResponse> = (channel, ...call) => channel.policy.patch(request, ...call);
    return this.#received(await this.#write(options, request, start), options);
  }

  async reset(to: Preset, options: WriteOptions): Promise<WriteResult> {
    const preset = readEnum('the preset', 'Preset', Preset, to);
    const request = { ...this.#request(options), preset };
    const start: StartCall<WriteResponse> = (channel, ...call) => channel.policy.reset(request, ...call);
    return this.#received(await this.#write(options, request, start), options);
  }

  async rollback(to: number | Version, options: RollbackOptions): Promise<WriteResult> {
    checkNames('rollback', 'option', options, OPTIONS.rollback);
    const { fields, ...rest } = options;
    const request = { ...this.#request(rest), ...readRevision(to), fields: readRollbackFields(fields) };
    const start: StartCall<WriteResponse> = (channel, ...call) => channel.policy.rollback(request, ...call);
    return this.#received(await this.#write(rest, request, start), rest);
  }

  async override(input: OverrideInput, options: OverrideOptions): Promise<OverrideResult> {
    checkNames('override', 'option', options, OPTIONS.override);
    const { namespace, calls, channels, session } = this.#context;
    const { validateOnly = false } = options;
    const request: OverrideRequest = {
      ...writeOverride(input),
      namespace,
      requestId: readOverrideId(options.requestId),
      validateOnly,
    };
    const waitApplied = options.waitApplied ?? input.waitApplied;
    checkWaitFor(waitApplied);
    const start: StartCall<OverrideResponse> = (channel, ...call) =>
      channel.policy.override(request, ...call);
    if (validateOnly) {
      const response = await calls.anywhere(options, calls.deadline(options), 'read', start);
      return readTrial(response, session.see(response.version));
    }
    const answers = await calls.everywhere<OverrideResponse, TakenOverride>(options, start, (response) => ({
      response,
      version: session.see(response.version, response.override?.pending),
    }));
    const result = readOutcomes(answers);
    const outcome = result.pending ? 'pending' : 'committed';
    const took = result.addresses.filter((each) => each.outcome === outcome).map(({ address }) => address);
    // Only those that took it know of one that is pending.
    return this.#received(result, { ...options, waitApplied }, channels.among(took));
  }

  async restore(name: string | undefined, options: WriteOptions): Promise<RestoreResult> {
    const request = { ...this.#request(options), name: readOverrideName(name) };
    const start: StartCall<RestoreResponse> = (channel, ...call) => channel.policy.restore(request, ...call);
    const { version, patch, replayed, policy } = await this.#write(options, request, start);
    return this.#received({ version, patch, replayed, policy }, options);
  }

  #request(options: WriteOptions): WriteRequest {
    checkNames('a write', 'option', options, OPTIONS.write);
    checkWaitFor(options.waitApplied);
    return {
      namespace: this.#context.namespace,
      expectedVersion: options.expectedVersion,
      requestId: options.requestId ?? randomUUID(),
      reason: options.reason ?? '',
      validateOnly: options.validateOnly ?? false,
    };
  }

  async #write<R extends WriteResponse>(
    options: WriteOptions,
    { requestId, validateOnly }: WriteRequest,
    start: StartCall<R>,
  ): Promise<WriteResult> {
    const { calls, session } = this.#context;
    const deadline = calls.deadline(options);
    const effect = validateOnly ? 'read' : requestId === '' ? 'write-once' : 'write';
    const response = await calls.anywhere(options, deadline, effect, start);
    return {
      version: session.see(response.version),
      patch: response.patch ?? PolicyPatch.fromPartial({}),
      maskedFields: response.maskedFields ?? [],
      replayed: response.replayed,
      policy: response.policy && readPolicy(response.policy),
    };
  }

  /** Adds the receipt, where one was asked for. What is done is done: nothing that happens here makes it fail. */
  async #received<T extends { readonly version: Version }>(
    result: T,
    { waitApplied, validateOnly = false, signal }: WriteOptions,
    route?: Route,
  ): Promise<T & Received> {
    if (!waitApplied || validateOnly) return result;
    try {
      const receipt = await this.#context.fleet.waitApplied(result.version, waitApplied, signal, route);
      return { ...result, receipt };
    } catch (error) {
      if (error instanceof PolicyStoreError) return { ...result, receiptError: error };
      const aborted = new PolicyStoreError('CANCELLED', 'the wait for the receipt was aborted', {
        cause: error,
      });
      return { ...result, receiptError: aborted };
    }
  }
}

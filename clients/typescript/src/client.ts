import { randomUUID } from 'node:crypto';

import { Metadata } from '@grpc/grpc-js';

import { Channels } from './channels.js';
import { readDuration } from './duration.js';
import { PolicyStoreError } from './errors.js';
import { type PatchInput, type PolicyInput, writePatch, writePolicy } from './input.js';
import { checkNames } from './names.js';
import { Operations } from './operations.js';
import {
  type CallOptions,
  type ClientOptions,
  type GetOptions,
  OPTIONS,
  readAddresses,
  readDeadline,
  readNamespace,
  readPreset,
  readToken,
  type WatchOptions,
  type WriteOptions,
} from './options.js';
import { type FieldName, type Policy, readPolicy } from './policy.js';
import {
  Freshness,
  type GetRequest,
  type GetResponse,
  PolicyPatch,
  type PolicyServiceClient,
  Preset,
  type UpdateResponse,
  View,
} from './proto.js';
import { isTransient, retry } from './retry.js';
import { Session } from './session.js';
import { systemTiming } from './timing.js';
import { callOnce, type StartCall } from './unary.js';
import { type Version } from './version.js';
import { PolicyWatch } from './watch/policy-watch.js';

interface Believable {
  readonly version: Version;
  /** How long the answer may be believed, in milliseconds from `sentAt`. Zero: do not open positions on it. */
  readonly validForMs: number;
  /** When the request was sent, on the clock of `performance.now()`. */
  readonly sentAt: number;
}

/** The current policy. */
export interface Current extends Believable {
  readonly notModified: false;
  readonly policy: Policy;
}

/** The policy is still the one of `ifVersionNot`. */
export interface NotModified extends Believable {
  readonly notModified: true;
  readonly policy: undefined;
}

export interface WriteResult {
  /** The state after the write; with validateOnly or an empty patch, the current one. */
  readonly version: Version;
  /** What really changed. Empty: nothing did, and nothing was committed. */
  readonly patch: PolicyPatch;
  /** Fields that changed in the base and are hidden by an override. */
  readonly maskedFields: readonly string[];
  /** The request id had been committed before; version and patch are of that first time. */
  readonly replayed: boolean;
  /** The would-be policy, without overrides. Only with validateOnly. */
  readonly policy: Policy | undefined;
}

/** What all write requests have in common. */
interface WriteRequest {
  namespace: string;
  expectedVersion: Version | undefined;
  requestId: string;
  reason: string;
  validateOnly: boolean;
}

/**
 * A client of one namespace. Every method rejects with PolicyStoreError, or with the signal's reason after an abort;
 * what the types forbid, such as a misspelt option, is a TypeError.
 * Calls that fail for a passing reason are tried again, on every address, until their deadline.
 */
export class PolicyClient implements AsyncDisposable {
  readonly #namespace: string;
  readonly #name: string;
  readonly #deadlineMs: number;
  readonly #metadata = new Metadata();
  readonly #channels: Channels;
  readonly #operations = new Operations();
  readonly #session = new Session();

  /** Connects when first needed. @throws TypeError or RangeError for an option that cannot be used. */
  constructor(options: ClientOptions = {}) {
    checkNames('PolicyClient', 'option', options, OPTIONS.client);
    this.#namespace = readNamespace(options.namespace);
    this.#name = options.name ?? '';
    this.#deadlineMs = readDeadline(options.deadlineMs ?? 5_000);
    const token = readToken(options.token);
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
    if (this.#name !== '') this.#metadata.set('x-policy-client', this.#name);
    this.#channels = new Channels(readAddresses(options.addresses));
  }

  /**
   * Reads the current policy. It is never older than what this client has seen, on any address. Where the server
   * does not know the epoch of what was seen (the store was replaced), that is forgotten, and the read answers what
   * there is now.
   */
  get(options?: GetOptions & { readonly ifVersionNot?: undefined }): Promise<Current>;
  get(options: GetOptions): Promise<Current | NotModified>;
  async get(options: GetOptions = {}): Promise<Current | NotModified> {
    checkNames('get', 'option', options, OPTIONS.get);
    const deadline = this.#deadline(options);
    try {
      return await this.#get(options, deadline);
    } catch (error) {
      if (!(error instanceof PolicyStoreError) || error.reason !== 'EPOCH_UNKNOWN') throw error;
      this.#session.forget();
      if (options.minVersion) throw error;
      return await this.#get(options, deadline);
    }
  }

  /** Replaces the whole policy in one step. */
  async update(policy: PolicyInput, options: WriteOptions = {}): Promise<WriteResult> {
    const request = { ...this.#writeRequest(options), policy: writePolicy(policy) };
    return this.#write(
      options,
      request,
      (stub) => (call, done) => stub.update(request, this.#metadata, call, done),
    );
  }

  /** Changes the named fields and leaves the rest. */
  async patch(patch: PatchInput, options: WriteOptions = {}): Promise<WriteResult> {
    const request = { ...this.#writeRequest(options), patch: writePatch(patch) };
    return this.#write(
      options,
      request,
      (stub) => (call, done) => stub.patch(request, this.#metadata, call, done),
    );
  }

  /** Returns to a preset; without one, to the server's own defaults. Lists and dictionaries become empty. */
  async reset(preset: Preset = Preset.UNSPECIFIED, options: WriteOptions = {}): Promise<WriteResult> {
    const request = { ...this.#writeRequest(options), preset: readPreset(preset) };
    return this.#write(
      options,
      request,
      (stub) => (call, done) => stub.reset(request, this.#metadata, call, done),
    );
  }

  /**
   * Follows the policy: `for await (const { policy } of client.watch())`. It reconnects by itself, on every address,
   * and goes on where it was: no change is lost, repeated or out of order; where the server has to skip, the event is
   * a snapshot with `resync`. It reads no faster than it is iterated. Leaving the loop ends it; it ends by itself when
   * the client is closed, and with PolicyStoreError only where trying again cannot help (INVALID_ARGUMENT, NOT_FOUND,
   * PERMISSION_DENIED, …).
   */
  watch<F extends FieldName = never>(options: WatchOptions<F> = {}): PolicyWatch<F> {
    return new PolicyWatch(options, {
      namespace: this.#namespace,
      name: this.#name,
      metadata: this.#metadata,
      channels: this.#channels,
      operations: this.#operations,
      session: this.#session,
      timing: systemTiming,
    });
  }

  /** Ends everything under way: calls reject with `CLIENT_CLOSED`, watches end. */
  close(): void {
    this.#operations.close();
    this.#channels.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #get(options: GetOptions, deadline: number): Promise<Current | NotModified> {
    let sentAt = 0;
    const response = await this.#call<GetResponse>(options, deadline, true, (stub) => (call, done) => {
      const request: GetRequest = {
        namespace: this.#namespace,
        view: options.view ?? View.EFFECTIVE,
        ifVersionNot: options.ifVersionNot,
        minVersion: this.#session.atLeast(options.minVersion),
        freshness: options.fresh ? Freshness.STORE : Freshness.MEMORY,
      };
      sentAt = performance.now();
      return stub.get(request, this.#metadata, call, done);
    });
    const believable = {
      version: this.#seen(response.version),
      validForMs: readDuration(response.validFor),
      sentAt,
    };
    if (response.notModified) return { ...believable, notModified: true, policy: undefined };
    if (!response.policy) throw new PolicyStoreError('INTERNAL', 'the server answered without a policy');
    return { ...believable, notModified: false, policy: readPolicy(response.policy) };
  }

  #writeRequest(options: WriteOptions): WriteRequest {
    checkNames('a write', 'option', options, OPTIONS.write);
    return {
      namespace: this.#namespace,
      expectedVersion: options.expectedVersion,
      requestId: options.requestId ?? randomUUID(),
      reason: options.reason ?? '',
      validateOnly: options.validateOnly ?? false,
    };
  }

  async #write(
    options: WriteOptions,
    request: WriteRequest,
    start: (stub: PolicyServiceClient) => StartCall<UpdateResponse>,
  ): Promise<WriteResult> {
    const response = await this.#call(options, this.#deadline(options), request.requestId !== '', start);
    return {
      version: this.#seen(response.version),
      patch: response.patch ?? PolicyPatch.fromPartial({}),
      maskedFields: response.maskedFields,
      replayed: response.replayed,
      policy: response.policy && readPolicy(response.policy),
    };
  }

  /** `safe`: the call may be tried again. */
  async #call<R>(
    options: CallOptions,
    deadline: number,
    safe: boolean,
    start: (stub: PolicyServiceClient) => StartCall<R>,
  ): Promise<R> {
    const operation = this.#operations.begin(options.signal);
    const attempt = async (timeoutMs: number): Promise<R> => {
      const channel = this.#channels.use();
      try {
        return await callOnce(start(channel.stub), timeoutMs, operation.signal);
      } catch (error) {
        if (isTransient(error)) channel.leave();
        throw error;
      }
    };
    try {
      return await retry(attempt, {
        deadline,
        addresses: this.#channels.size,
        safe,
        signal: operation.signal,
        timing: systemTiming,
      });
    } finally {
      operation.end();
    }
  }

  #deadline(options: CallOptions): number {
    return systemTiming.now() + readDeadline(options.deadlineMs ?? this.#deadlineMs);
  }

  #seen(version: Version | undefined): Version {
    if (!version) throw new PolicyStoreError('INTERNAL', 'the server answered without a version');
    this.#session.observe(version);
    return version;
  }
}

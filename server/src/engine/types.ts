import type { Delivery, GlobalPolicy, PolicyPatch, Preset, Version, View } from '@policystore/client/proto';

import type { FieldName } from '../domain/policy.js';

/** Who calls. */
export interface Identity {
  readonly name: string;
}

export interface GetQuery {
  readonly view: View;
  readonly ifVersionNot?: Version | undefined;
  readonly minVersion?: Version | undefined;
  /** Ask the store first, so that the answer holds every change acknowledged before the call. */
  readonly fresh: boolean;
}

export type WriteAction =
  | { readonly kind: 'update'; readonly policy: GlobalPolicy }
  | { readonly kind: 'patch'; readonly patch: PolicyPatch }
  | { readonly kind: 'reset'; readonly preset: Preset };

export interface WriteRequest {
  readonly action: WriteAction;
  readonly actor: Identity;
  readonly expectedVersion?: Version | undefined;
  /** Empty: a retry is a new write. */
  readonly requestId: string;
  readonly reason: string;
  readonly validateOnly: boolean;
}

/** The fields of every write's response; `policy` only with validateOnly. */
export interface WriteOutcome {
  readonly version: Version;
  /** Unset for a replay that the log no longer holds. */
  readonly patch: PolicyPatch | undefined;
  readonly maskedFields: string[];
  readonly replayed: boolean;
  readonly policy: GlobalPolicy | undefined;
}

export interface WatchOptions {
  readonly after?: Version | undefined;
  readonly delivery: Delivery;
  /** Empty: all fields. */
  readonly fields: readonly FieldName[];
  readonly heartbeatMs: number;
}

/** Where a watcher's messages go: encoded WatchResponses. */
export interface WatchSink {
  /**
   * Takes one message. False: the reader is behind; nothing more is written until `Watcher.resume`.
   */
  write(message: Buffer): boolean;
  /** The watch is over; no write follows. Called at most once, and not after `Watcher.close`. */
  end(error: Error): void;
}

export interface Watcher {
  /** The sink can take messages again. */
  resume(): void;
  /** The reader has gone. */
  close(): void;
}

/** One namespace of the server. Every method throws or rejects with PolicyError. */
export interface Namespace {
  readonly name: string;
  /** Whether the store was reached and the namespace is served. */
  readonly ready: boolean;
  /** The encoded GetResponse of the current policy, from memory. The hot path. */
  current(view: View): Buffer;
  /** The encoded GetResponse for a query with conditions; at once where nothing has to be waited for. */
  get(query: GetQuery): Buffer | Promise<Buffer>;
  /** Settles when the store has confirmed the outcome. An abort takes a write back that was not sent yet. */
  write(request: WriteRequest, signal?: AbortSignal): Promise<WriteOutcome>;
  watch(options: WatchOptions, sink: WatchSink): Watcher;
}

/** All namespaces over one store. */
export interface Engine {
  /** @throws PolicyError NAMESPACE_UNKNOWN, naming those that exist. */
  namespace(name: string): Namespace;
  readonly namespaces: readonly Namespace[];
  /** Resolves when every namespace was loaded or created. Keeps trying while the store is away. */
  readonly ready: Promise<void>;
  /** Ends every watch with SHUTTING_DOWN, lets queued writes finish, stops following. */
  close(): Promise<void>;
}

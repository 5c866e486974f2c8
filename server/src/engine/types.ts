import type {
  AcknowledgeResponse,
  ChangeKind,
  Delivery,
  GlobalPolicy,
  HistoryEntry,
  Limits,
  ListWatchersResponse,
  Override,
  PolicyPatch,
  Preset,
  Selector,
  TradingState,
  Version,
  View,
  WaitAppliedResponse,
} from '@policystore/client/proto';

import type { NamespaceRight, ServerRight } from '../domain/access/rights.js';
import type { FieldName, Policy } from '../domain/policy.js';

/** Who calls. */
export interface Identity {
  readonly name: string;
  /** Whether that was proved. False: authentication is off, and the name is what the caller calls itself. */
  readonly verified: boolean;
  /** Until when the proof holds, in milliseconds since the Unix epoch. Absent: as long as the server accepts it. */
  readonly expiresAt?: number | undefined;
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
  | { readonly kind: 'reset'; readonly preset: Preset }
  /** `fields` empty: all. */
  | { readonly kind: 'rollback'; readonly to: RevisionName; readonly fields: readonly FieldName[] }
  | OverrideAction
  | { readonly kind: 'restore'; readonly name: string }
  /** The engine's own: ends an override whose time is over. */
  | { readonly kind: 'expire'; readonly name: string };

export interface OverrideAction {
  readonly kind: 'override';
  /** Empty: the circuit breaker. */
  readonly name: string;
  /** Absent: the circuit breaker's. */
  readonly limits: Limits | undefined;
  /** Absent: in force until restored. */
  readonly ttlMs: number | undefined;
}

/** A revision of the log, as callers name it. */
export interface RevisionName {
  readonly revision: number;
  /** Empty: of whichever epoch the log holds it. */
  readonly epoch: string;
}

export interface WriteRequest {
  readonly action: WriteAction;
  readonly actor: Identity;
  readonly expectedVersion?: Version | undefined;
  /** That it must be the current version, whatever changed since. */
  readonly exactly?: boolean;
  /** Empty: a retry is a new write. */
  readonly requestId: string;
  readonly reason: string;
  readonly validateOnly: boolean;
}

/** The fields of every write's response; `policy` only with validateOnly. */
export interface WriteOutcome {
  readonly version: Version;
  /**
   * What changed: in the base, or, by an override or a restore, in the effective policy. Unset for a replay that the log
   * no longer holds.
   */
  readonly patch: PolicyPatch | undefined;
  readonly maskedFields: string[];
  readonly replayed: boolean;
  readonly policy: GlobalPolicy | undefined;
  /** What is in force under the name that was given. Only for an override. */
  readonly override?: Override | undefined;
}

/** Filters combine; what is absent or empty does not filter. */
export interface HistoryQuery {
  readonly pageSize: number;
  readonly pageToken: string;
  readonly actor: string;
  readonly fields: readonly (FieldName | 'overrides')[];
  readonly kinds: readonly ChangeKind[];
  /** Commit times in microseconds since the Unix epoch, both inclusive. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export interface HistoryPage {
  readonly entries: HistoryEntry[];
  /** Empty: there is no more. */
  readonly nextPageToken: string;
  readonly oldest: Version | undefined;
}

/** A moment: a revision, or a commit time in microseconds since the Unix epoch. */
export type Moment = RevisionName | { readonly time: number };

export interface PastState {
  readonly version: Version;
  readonly base: GlobalPolicy;
  readonly effective: GlobalPolicy;
  readonly entry: HistoryEntry;
}

export interface WatchOptions {
  readonly after?: Version | undefined;
  /** Without `after`: the first snapshot is not older than this. */
  readonly minVersion?: Version | undefined;
  readonly delivery: Delivery;
  /** Empty: all fields. */
  readonly fields: readonly FieldName[];
  readonly heartbeatMs: number;
  /** Who opened the stream, which ends when it may no longer read. */
  readonly identity: Identity;
  /** Absent: nobody knows who watches. */
  readonly watcher?: WatcherInfo;
}

/** Who holds a stream. */
export interface WatcherInfo {
  readonly component: string;
  /** Empty: it does not say. */
  readonly instance: string;
  /** Where it connects from. */
  readonly address: string;
  /** It says what it makes of each version. */
  readonly acknowledges: boolean;
  /** Who opened it, and alone may acknowledge for it. */
  readonly identity?: Identity;
}

/** What a watcher says of itself. */
export interface Acknowledgement {
  readonly watcherId: string;
  /** What it has dealt with. Absent only with `closing`. */
  readonly version: Version | undefined;
  /** Why it could not apply that. Absent: it has. */
  readonly rejection: string | undefined;
  /** Of what is pending, what it has dealt with. */
  readonly pendingSequence: number;
  /** It acts no more. */
  readonly closing: boolean;
  /** Who says so. */
  readonly identity?: Identity;
}

/** Of a component, how many there should be. */
export interface Expected {
  readonly component: string;
  readonly count: number;
}

export interface FleetQuery {
  readonly selector: Selector;
}

export interface WaitQuery extends FleetQuery {
  readonly version: Version;
  readonly timeoutMs: number;
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

/** What is in force, for a transport that has an encoding of its own. */
export interface CurrentState {
  /** Another object whenever anything that readers see has changed. */
  readonly key: object;
  readonly version: Version;
  /** Whether the version alone tells what readers see: nothing is pending. */
  readonly isPlain: boolean;
  /** When that version was committed, in microseconds since the Unix epoch. */
  readonly lastUpdated: number;
  readonly tradingState: TradingState;
  readonly overrides: readonly Override[];
  /** Must be read within this turn of the event loop: the next change is made in place. */
  policy(view: View): Readonly<Policy>;
}

/** One namespace of the server. Every method throws or rejects with PolicyError. */
export interface Namespace {
  readonly name: string;
  /** Whether the store was reached and the namespace is served. */
  readonly ready: boolean;
  /** What is in force now, from memory. */
  readonly state: CurrentState;
  /** How long that may be believed, in milliseconds. */
  readonly validForMs: number;
  /** The encoded GetResponse of the current policy, from memory. The hot path. */
  current(view: View): Buffer;
  /** The encoded GetResponse for a query with conditions; at once where nothing has to be waited for. */
  get(query: GetQuery): Buffer | Promise<Buffer>;
  /** Settles when the store has confirmed the outcome. An abort takes a write back that was not sent yet. */
  write(request: WriteRequest, signal?: AbortSignal): Promise<WriteOutcome>;
  watch(options: WatchOptions, sink: WatchSink): Watcher;
  /** Takes what a watcher makes of what it was sent, and renews its lease: at once, since a change has a thousand of them. */
  acknowledge(acknowledgement: Acknowledgement): AcknowledgeResponse;
  /** Whether a stop or a restore is on its way to the watchers: what is no part of its receipt can wait a moment. */
  readonly isStopping: boolean;
  /** Who watches and serves, here and elsewhere. */
  watchers(query: FleetQuery): Promise<ListWatchersResponse>;
  /** Settles as soon as nobody is pending, or the time is over. An abort ends it. */
  waitApplied(query: WaitQuery, signal?: AbortSignal): Promise<WaitAppliedResponse>;
  /** Changes, newest first. An abort takes back what has not begun. */
  changes(query: HistoryQuery, signal?: AbortSignal): Promise<HistoryPage>;
  /** What was in force. An abort takes back what has not begun. */
  at(moment: Moment, signal?: AbortSignal): Promise<PastState>;
}

/** All namespaces over one store. */
export interface Engine {
  /**
   * The namespace, for one call of an identity that has the right for it there. Any call needs to read; a write's other
   * rights are checked on what it would really change.
   * @throws PolicyError PERMISSION_DENIED, whether or not there is such a namespace; NAMESPACE_UNKNOWN, naming those that
   * exist and that it may read.
   */
  namespace(name: string, identity: Identity, right: NamespaceRight): Namespace;
  /** @throws PolicyError PERMISSION_DENIED where an identity lacks a right at the server as a whole. */
  permit(identity: Identity, right: ServerRight): void;
  readonly namespaces: readonly Namespace[];
  /** Resolves when every namespace was loaded or created. Keeps trying while the store is away. */
  readonly ready: Promise<void>;
  /** Ends every watch with SHUTTING_DOWN, lets queued writes finish, stops following. */
  close(): Promise<void>;
}

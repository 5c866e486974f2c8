import { type FieldName, type PolicyOf } from './policy.js';
import { type ChangeKind, type View } from './proto.js';
import { type Version } from './version.js';

/** Certificates or a key as PEM: the path of a file, or what is in one. */
export type Pem = string | Uint8Array;

export interface TlsOptions {
  /** The authorities of the server's certificate. Default: those that Node knows. */
  readonly ca?: Pem | undefined;
  /** The certificate of this client, for servers that ask for one. Default: none. */
  readonly cert?: Pem | undefined;
  /** Its private key. */
  readonly key?: Pem | undefined;
  /** The name in the server's certificate, where that is not the host of the address. */
  readonly serverName?: string | undefined;
}

export interface ClientOptions {
  /**
   * Where servers are, `host:port`, as a list or separated by commas. One is used as long as it works. Default:
   * `POLICY_ADDR` in the environment, else 127.0.0.1:50051.
   */
  readonly addresses?: string | readonly string[] | undefined;
  /** Default: `POLICY_NAMESPACE` in the environment, else `default`. */
  readonly namespace?: string | undefined;
  /**
   * Sent as a bearer token with every call. A function is asked for it at the start of each call and stream: it answers at
   * once what it holds. Default: `POLICY_TOKEN` in the environment, else none.
   */
  readonly token?: string | (() => string) | undefined;
  /**
   * Encrypts, and proves who the server is; its files are read once. Default: with `POLICY_TLS_CA` (and
   * `POLICY_CLIENT_CERT` and `POLICY_CLIENT_KEY`), or `POLICY_TLS=1`, in the environment: by these. Else, and with
   * false: nothing is encrypted.
   */
  readonly tls?: boolean | TlsOptions | undefined;
  /** Sends the token unencrypted to other machines too. Default: that is refused. */
  readonly insecureToken?: boolean | undefined;
  /** What this program is, such as `executor`: recorded with its changes. */
  readonly name?: string | undefined;
  /** How long a call may take, retries included, in milliseconds. Default 5,000. Watches have no deadline. */
  readonly deadlineMs?: number | undefined;
}

export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long this call may take, retries included, in milliseconds. Default: the client's. */
  readonly deadlineMs?: number | undefined;
}

export interface GetOptions extends CallOptions {
  /** Default EFFECTIVE: what executors obey. */
  readonly view?: View | undefined;
  /**
   * Saves the transfer when this is still the current version: the answer is then `notModified`. Without effect where
   * this client has seen a pending override at that version, which then does not say which policy it is.
   */
  readonly ifVersionNot?: Version | undefined;
  /** What the answer must not be older than. What this client has seen before is minded without asking. */
  readonly minVersion?: Version | undefined;
  /** Ask the store, so that the answer holds every change acknowledged before the call. Default: memory will do. */
  readonly fresh?: boolean | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Write only if no field that this write touches changed since; else ABORTED `VERSION_MISMATCH`. */
  readonly expectedVersion?: Version | undefined;
  /** Recorded with the change. At most 1,024 characters. */
  readonly reason?: string | undefined;
  /**
   * Makes retries safe, also those of a restarted program that kept the id. Default: a new one for each call.
   * Empty: the write is never tried twice.
   */
  readonly requestId?: string | undefined;
  /** Run every check and answer the would-be policy; commit nothing. */
  readonly validateOnly?: boolean | undefined;
  /** Wait, once it is written, until it has been applied: the result then has a `receipt`. Default: do not wait. */
  readonly waitApplied?: WaitFor | undefined;
}

export interface RollbackOptions extends WriteOptions {
  /** Only these fields. Default: all. */
  readonly fields?: readonly FieldName[] | undefined;
}

export interface OverrideOptions extends CallOptions {
  /** Makes retries safe, also those of a restarted program that kept the id. Default: a new one for each call. */
  readonly requestId?: string | undefined;
  /** Run every check, at one address, and answer the would-be policy; put nothing in force. */
  readonly validateOnly?: boolean | undefined;
  /** As of a write. May also stand beside the reason. */
  readonly waitApplied?: WaitFor | undefined;
}

/** A change must match all that are given. */
export interface HistoryOptions extends CallOptions {
  /** Who made the change, exactly. Default: anybody. */
  readonly actor?: string | undefined;
  /** Changes that touched one of these, in the base or in the effective policy. Default: all changes. */
  readonly fields?: readonly (FieldName | 'overrides')[] | undefined;
  /** Default: all. */
  readonly kinds?: readonly ChangeKind[] | undefined;
  /** The earliest commit time. Default: as far back as the log reaches. */
  readonly from?: Date | undefined;
  /** The latest commit time, with all of its millisecond. Default: until now. */
  readonly to?: Date | undefined;
  /** How many changes a call to the server brings at most, 1 to 500. Default 50. */
  readonly pageSize?: number | undefined;
  /** How long each call to the server may take, retries included, in milliseconds. Default: the client's. */
  readonly deadlineMs?: number | undefined;
}

/**
 * A revision, with its epoch where that matters, or a time by the store's clock. A version is a moment. Ask for what a
 * change made by its version: its commit time is cut to the millisecond, at which it had not happened yet.
 */
export type Moment =
  | { readonly revision: number; readonly epoch?: string | undefined; readonly time?: undefined }
  | { readonly time: Date; readonly revision?: undefined; readonly epoch?: undefined };

/** A policy that somebody holds: what `get` answers, or an event of a watch. */
export interface Held<F extends FieldName = never> {
  readonly policy: PolicyOf<F>;
  readonly version: Version;
}

export interface WatchOptions<F extends FieldName = never> {
  /**
   * Go on from here: only what comes after it. Where a pending override is in force in it, its version does not say
   * all, and the watch begins with a snapshot, which is an event only where it differs. Default: begin with a snapshot.
   */
  readonly after?: Held<F> | undefined;
  /** Only changes that touch these fields, trimmed to them. Default: all. */
  readonly fields?: readonly F[] | undefined;
  /**
   * Default `patches`: every change, one by one. `snapshots`: the newest policy; a slow reader skips older ones.
   */
  readonly delivery?: 'patches' | 'snapshots' | undefined;
  /**
   * The longest silence of a healthy server, 1,000 to 60,000 ms. After two and a half times that the connection is
   * given up and another one made. Default 5,000.
   */
  readonly heartbeatMs?: number | undefined;
  /** Ends the watch; its iterator rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface LiveOptions {
  /** Tells programs of one kind apart, at most 128 characters. Default: host, process id and a random part. */
  readonly instance?: string | undefined;
  /** A file that keeps the last policy held, for a start without any server: it is then held as stale. Default: none. */
  readonly lastKnownGood?: string | undefined;
  /** What `ready` does at its deadline where a policy is held that may not be believed. Default `reject`. */
  readonly whenAway?: 'reject' | 'serve-stale' | undefined;
  /** How long a change listener may take before its change counts as rejected, in milliseconds. Default 5,000. */
  readonly listenerTimeoutMs?: number | undefined;
  /** As of a watch. */
  readonly heartbeatMs?: number | undefined;
  /** Closes it. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadyOptions {
  /** How long to wait, in milliseconds. Default: the client's. */
  readonly deadlineMs?: number | undefined;
  /** Ends the waiting; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Which members of the fleet. What is not given chooses all. */
export interface Selection {
  /** Kinds of programs, such as `executor`; `replica` for the replicas of the server. */
  readonly components?: readonly string[] | undefined;
  readonly instances?: readonly string[] | undefined;
}

/** Whom to wait for, and how long. */
export interface WaitFor extends Selection {
  /** How long to wait at most, in milliseconds, up to 60,000. Default 1,000. */
  readonly timeoutMs?: number | undefined;
}

export interface WaitOptions extends WaitFor {
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

type Names<O> = Readonly<Record<keyof O, true>>;

const CALL = { signal: true, deadlineMs: true } satisfies Names<CallOptions>;

const WRITE = {
  expectedVersion: true,
  reason: true,
  requestId: true,
  validateOnly: true,
  waitApplied: true,
  ...CALL,
} satisfies Names<WriteOptions>;

/** The names that each kind of options has. */
export const OPTIONS = {
  client: names<ClientOptions>({
    addresses: true,
    namespace: true,
    token: true,
    tls: true,
    insecureToken: true,
    name: true,
    deadlineMs: true,
  }),
  tls: names<TlsOptions>({ ca: true, cert: true, key: true, serverName: true }),
  get: names<GetOptions>({ view: true, ifVersionNot: true, minVersion: true, fresh: true, ...CALL }),
  write: names<WriteOptions>(WRITE),
  rollback: names<RollbackOptions>({ fields: true, ...WRITE }),
  override: names<OverrideOptions>({ requestId: true, validateOnly: true, waitApplied: true, ...CALL }),
  selection: names<Selection>({ components: true, instances: true }),
  waitFor: names<WaitFor>({ timeoutMs: true, components: true, instances: true }),
  wait: names<WaitOptions>({ timeoutMs: true, components: true, instances: true, signal: true }),
  call: names<CallOptions>(CALL),
  history: names<HistoryOptions>({
    actor: true,
    fields: true,
    kinds: true,
    from: true,
    to: true,
    pageSize: true,
    ...CALL,
  }),
  watch: names<WatchOptions>({ after: true, fields: true, delivery: true, heartbeatMs: true, signal: true }),
  live: names<LiveOptions>({
    instance: true,
    lastKnownGood: true,
    whenAway: true,
    listenerTimeoutMs: true,
    heartbeatMs: true,
    signal: true,
  }),
  ready: names<ReadyOptions>({ deadlineMs: true, signal: true }),
};

/** The compiler keeps the names complete. */
function names<O>(of: Names<O>): readonly string[] {
  return Object.keys(of);
}

import { type FieldName, type PolicyOf } from './policy.js';
import { type Preset, type View } from './proto.js';
import { type Version } from './version.js';

export interface ClientOptions {
  /**
   * Where servers are, `host:port`, as a list or separated by commas. One is used as long as it works. Default:
   * `POLICY_ADDR` in the environment, else 127.0.0.1:50051.
   */
  readonly addresses?: string | readonly string[] | undefined;
  /** Default: `POLICY_NAMESPACE` in the environment, else `default`. */
  readonly namespace?: string | undefined;
  /** Sent as a bearer token with every call. Default: `POLICY_TOKEN` in the environment, else none. */
  readonly token?: string | undefined;
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
  /** Saves the transfer when this is still the current version: the answer is then `notModified`. */
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
}

/** A policy that somebody holds: what `get` answers, or an event of a watch. */
export interface Held<F extends FieldName = never> {
  readonly policy: PolicyOf<F>;
  readonly version: Version;
}

export interface WatchOptions<F extends FieldName = never> {
  /** Go on from here: only what comes after it. Default: begin with a snapshot. */
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

const CALL = { signal: true, deadlineMs: true } satisfies NamesOf<CallOptions>;

/** The names that each kind of options has. */
export const OPTIONS = {
  client: names<ClientOptions>({
    addresses: true,
    namespace: true,
    token: true,
    name: true,
    deadlineMs: true,
  }),
  get: names<GetOptions>({ view: true, ifVersionNot: true, minVersion: true, fresh: true, ...CALL }),
  write: names<WriteOptions>({
    expectedVersion: true,
    reason: true,
    requestId: true,
    validateOnly: true,
    ...CALL,
  }),
  watch: names<WatchOptions>({ after: true, fields: true, delivery: true, heartbeatMs: true, signal: true }),
};

type NamesOf<O> = Readonly<Record<keyof O, true>>;

/** The compiler keeps the names complete. */
function names<O>(of: NamesOf<O>): readonly string[] {
  return Object.keys(of);
}

/** 24 days. Beyond 2^31 ms a timer overflows and fires at once, and on its way to the server a deadline is rounded up. */
const MAX_DEADLINE_MS = 24 * 24 * 3600 * 1000;

/** @throws RangeError unless it is a positive number of milliseconds; more than 24 days are cut to that. */
export function readDeadline(ms: number): number {
  if (!(ms > 0)) throw new RangeError(`deadlineMs must be a positive number of milliseconds, not ${ms}`);
  return Math.min(ms, MAX_DEADLINE_MS);
}

/** @throws RangeError outside what servers accept. */
export function readHeartbeat(ms = 5_000): number {
  if (!(ms >= 1_000 && ms <= 60_000)) throw new RangeError(`heartbeatMs must be 1000 to 60000, not ${ms}`);
  return ms;
}

/** @throws TypeError when no address is left or one is not `host:port`. */
export function readAddresses(option: string | readonly string[] | undefined): readonly string[] {
  const given = option ?? nonEmpty(process.env['POLICY_ADDR']) ?? '127.0.0.1:50051';
  const source = option === undefined ? 'POLICY_ADDR' : 'addresses';
  const list = typeof given === 'string' ? given.split(',') : given;
  const addresses = list.map((address) => address.trim()).filter((address) => address !== '');
  if (addresses.length === 0) throw new TypeError(`${source} is empty; give ${ADDRESS_FORM}`);
  const unfit = addresses.find((address) => !isAddress(address));
  if (unfit !== undefined) {
    throw new TypeError(`${source}: ${JSON.stringify(unfit)} is not ${ADDRESS_FORM}`);
  }
  return addresses;
}

const ADDRESS_FORM = 'host:port, such as 127.0.0.1:50051';

function isAddress(text: string): boolean {
  const port = Number(/^(?:\[[\da-f:.]+(?:%\w+)?\]|[\w.-]+):(\d{1,5})$/i.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}

/** @throws TypeError unless it is a policy with its version. */
export function readHeld<F extends FieldName>(after: Held<F> | undefined): Held<F> | undefined {
  if (after === undefined || isHeld(after)) return after;
  throw new TypeError('after must be what get answered or an event of a watch, with its policy and version');
}

function isHeld(value: unknown): boolean {
  return (
    isObject(value) &&
    isObject(value['policy']) &&
    isObject(value['version']) &&
    typeof value['version']['epoch'] === 'string' &&
    Number.isSafeInteger(value['version']['revision'])
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** @throws TypeError unless it is a Preset; one that only newer servers know is theirs to judge. */
export function readPreset(preset: Preset): Preset {
  const number: number = preset;
  if ((number | 0) === number) return preset;
  throw new TypeError('the preset must be one of Preset, such as Preset.CONSERVATIVE');
}

export function readNamespace(option: string | undefined): string {
  return option ?? nonEmpty(process.env['POLICY_NAMESPACE']) ?? 'default';
}

export function readToken(option: string | undefined): string | undefined {
  return nonEmpty(option ?? process.env['POLICY_TOKEN']);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

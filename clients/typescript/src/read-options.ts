import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { checkNames, readNames } from './names.js';
import { isObject } from './objects.js';
import { type Held, OPTIONS, type Selection, type WaitFor } from './options.js';
import { type FieldName } from './policy.js';
import { Delivery, type Selector } from './proto.js';

/** 24 days. Beyond 2^31 ms a timer overflows and fires at once, and on its way to the server a deadline is rounded up. */
const MAX_DEADLINE_MS = 24 * 24 * 3600 * 1000;

/** @throws RangeError unless it is a positive number of milliseconds; more than 24 days are cut to that. */
export function readDeadline(ms: number, name = 'deadlineMs'): number {
  if (!(ms > 0)) throw new RangeError(`${name} must be a positive number of milliseconds, not ${ms}`);
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

/** @throws TypeError for another text. */
export function readDelivery(delivery: 'patches' | 'snapshots' = 'patches'): Delivery {
  const read = DELIVERIES.get(delivery);
  if (read !== undefined) return read;
  throw new TypeError(`delivery must be 'patches' or 'snapshots', not ${JSON.stringify(delivery)}`);
}

const DELIVERIES: ReadonlyMap<string, Delivery> = new Map([
  ['patches', Delivery.PATCHES],
  ['snapshots', Delivery.SNAPSHOTS],
]);

/** @throws TypeError for another text. */
export function readWhenAway(whenAway: unknown = 'reject'): 'reject' | 'serve-stale' {
  if (whenAway === 'reject' || whenAway === 'serve-stale') return whenAway;
  throw new TypeError(`whenAway must be 'reject' or 'serve-stale', not ${JSON.stringify(whenAway)}`);
}

/** @throws TypeError outside what servers accept. */
export function readInstance(instance: unknown): string {
  if (instance === undefined)
    return `${hostname().slice(0, 64)}:${process.pid}:${randomBytes(4).toString('hex')}`;
  if (typeof instance === 'string' && instance !== '' && instance.length <= 128) return instance;
  throw new TypeError('instance must be a text of 1 to 128 characters');
}

/** @throws RangeError outside what servers accept. */
export function readTimeout(ms = 1_000): number {
  if (!(ms >= 0 && ms <= 60_000)) throw new RangeError(`timeoutMs must be 0 to 60000, not ${ms}`);
  return ms;
}

/** @throws TypeError for a text where a list belongs. */
export function readSelection({ components, instances }: Selection): Selector {
  return { components: readNames('components', components), instances: readNames('instances', instances) };
}

/** @throws TypeError, RangeError before anything is written that is then waited for in vain. */
export function checkWaitFor(wait: WaitFor | undefined): void {
  if (wait === undefined) return;
  checkNames('waitApplied', 'option', wait, OPTIONS.waitFor);
  readTimeout(wait.timeoutMs);
  readSelection(wait);
}

/** @throws RangeError outside what servers accept. */
export function readPageSize(size = 0): number {
  if (size === 0 || (Number.isInteger(size) && size >= 1 && size <= 500)) return size;
  throw new RangeError(`pageSize must be a whole number from 1 to 500, not ${size}`);
}

/** @throws TypeError for an empty list, which would mean all fields to the server, and for a text. */
export function readRollbackFields(fields: readonly FieldName[] | undefined): FieldName[] {
  if (fields?.length === 0) throw new TypeError('fields is empty; leave it out to roll back all fields');
  return readNames('fields', fields);
}

/** @throws TypeError unless it is a revision or a version. */
export function readRevision(to: unknown): { revision: number; epoch: string } {
  const { revision, epoch = '' } = isObject(to) ? to : { revision: to };
  if (typeof epoch === 'string' && Number.isSafeInteger(revision))
    return { revision: Number(revision), epoch };
  throw new TypeError('a revision must be a whole number, or a version { epoch, revision }');
}

/** @throws TypeError for an empty name, which would mean the circuit breaker to the server. */
export function readOverrideName(name: string | undefined): string {
  if (name === undefined) return '';
  if (typeof name === 'string' && name !== '') return name;
  throw new TypeError('the name of an override must be a text; leave it out for the circuit breaker');
}

/** @throws TypeError for an empty id: the call goes to every address, which only an id makes one override. */
export function readOverrideId(requestId: string | undefined): string {
  if (requestId === '')
    throw new TypeError('requestId is empty; an override needs one, leave it out for a new one');
  return requestId ?? randomUUID();
}

export function readNamespace(option: string | undefined): string {
  return option ?? nonEmpty(process.env['POLICY_NAMESPACE']) ?? 'default';
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

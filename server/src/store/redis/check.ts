import { addressText } from '../server-url.js';
import { StoreUnusable, StoreUnavailable } from '../store.js';
import { RedisRefusal, type Connection } from './connection.js';
import { MIN_VERSION, tooOld } from './refusal.js';
import { parsePairs, parseText } from './replies.js';
import type { RedisTarget } from './url.js';

/**
 * Checks that a server can be used.
 * @returns warnings about durability
 * @throws StoreUnavailable, StoreUnusable, RedisRefusal
 */
export async function checkServer(
  connection: Connection,
  target: RedisTarget,
  timeoutMs: number,
): Promise<string[]> {
  const where = `Redis at ${addressText(connection.address)}`;
  const warnings: string[] = [];

  const info = await connection.send(['INFO'], timeoutMs);
  checkInfo(where, parseInfo(parseText(info)), target, warnings);

  // Several patterns in one CONFIG GET need Redis 7, which INFO may not have shown.
  const config = new Map<string, string>();
  for (const name of ['appendonly', 'appendfsync', 'maxmemory-policy']) {
    const reply = await optional(connection.send(['CONFIG', 'GET', name], timeoutMs));
    const value = reply === undefined ? undefined : parsePairs(reply).get(name);
    if (value !== undefined) config.set(name, parseText(value));
  }
  warnings.push(...configWarnings(where, config));
  return warnings;
}

function checkInfo(
  where: string,
  info: ReadonlyMap<string, string>,
  target: RedisTarget,
  warnings: string[],
): void {
  const version = info.get('redis_version') ?? '';
  if (!isNewEnough(version)) throw tooOld(where, version);
  const mode = info.get('redis_mode');
  if (mode === 'sentinel') {
    throw new StoreUnusable(`${where} is a Sentinel: use redis+sentinel://…/master-name in POLICY_STORE`);
  }
  if (mode === 'cluster' && target.kind !== 'cluster') {
    throw new StoreUnusable(`${where} belongs to a cluster: use redis+cluster:// in POLICY_STORE`);
  }
  if (info.get('role') === 'slave') {
    throw new StoreUnavailable(`${where} is a replica: POLICY_STORE must name its master`, { sent: false });
  }
  const replicas = Number(info.get('connected_slaves') ?? 0);
  if (replicas < target.wait) {
    warnings.push(
      `${where} has ${replicas} replicas and wait=${target.wait} demands more: ` +
        'changes are answered as unknown until they are connected.',
    );
  }
}

function configWarnings(where: string, config: ReadonlyMap<string, string>): string[] {
  const appendonly = config.get('appendonly');
  const appendfsync = config.get('appendfsync');
  const policy = config.get('maxmemory-policy');
  const warnings: string[] = [];
  if (appendonly === undefined) {
    warnings.push(`${where} denies CONFIG: whether acknowledged changes survive a restart was not checked.`);
  } else if (appendonly === 'no') {
    warnings.push(
      `${where} has appendonly off: acknowledged changes are lost when Redis restarts. Set appendonly yes.`,
    );
  } else if (appendfsync !== 'always') {
    const lost = appendfsync === 'everysec' ? 'up to 1 s' : 'all that the system had not written yet';
    warnings.push(
      `${where} has appendfsync ${appendfsync}: at a power loss ${lost} of acknowledged changes may be lost. ` +
        'Set appendfsync always.',
    );
  }
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `${where} has maxmemory-policy ${policy}: it may throw the policy away when memory is short. Set noeviction.`,
    );
  }
  return warnings;
}

/** Whether a `redis_version` is at least MIN_VERSION. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_VERSION.split('.').map(Number);
  return major > minMajor || (major === minMajor && minor >= minMinor);
}

/** Reads the reply of INFO. */
export function parseInfo(text: string): Map<string, string> {
  const info = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) info.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return info;
}

/** Managed servers and restricted users lack some commands; what they would have told is not essential. */
async function optional<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    const denied =
      error instanceof RedisRefusal && (error.code === 'NOPERM' || /unknown command/i.test(error.message));
    if (denied) return undefined;
    throw error;
  }
}

import { createHash } from 'node:crypto';

import { type Held } from '../options.js';
import { type Policy, readPolicy } from '../policy.js';
import { GlobalPolicy } from '../proto.js';
import { writeTime } from '../time.js';
import { formatVersion, parseVersion, type Version } from '../version.js';

/**
 * A policy as a file: a line of JSON for people and programs, then the policy as in the contract. The checksum is over all
 * of both but itself.
 */
interface About {
  readonly format: string;
  readonly namespace: string;
  /** `epoch:revision`. */
  readonly version: string;
  /** ISO 8601, by the wall clock of who saved it. */
  readonly savedAt: string;
}

interface Header extends About {
  readonly sha256: string;
}

/** The name of the format, and which one it is. */
const FORMAT = 'policystore-last-known-good/1';

export interface PolicyFile {
  readonly policy: Policy;
  readonly version: Version;
  readonly savedAt: Date;
}

export function encodePolicyFile(namespace: string, { policy, version }: Held, savedAt: Date): Buffer {
  const bytes = GlobalPolicy.encode(writePolicy(policy)).finish();
  const about: About = {
    format: FORMAT,
    namespace,
    version: formatVersion(version),
    savedAt: savedAt.toISOString(),
  };
  const header: Header = { ...about, sha256: checksum(about, bytes) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), bytes]);
}

/** @throws Error that says what is wrong with the file. */
export function decodePolicyFile(namespace: string, file: Buffer): PolicyFile {
  const end = file.indexOf('\n');
  const { sha256, ...about } = readHeader(file.subarray(0, Math.max(0, end)).toString());
  const bytes = file.subarray(end + 1);
  if (sha256 !== checksum(about, bytes))
    throw new Error('it is damaged: its checksum is not that of its content');
  if (about.namespace !== namespace) {
    throw new Error(
      `it is of namespace ${JSON.stringify(about.namespace)}, not ${JSON.stringify(namespace)}`,
    );
  }
  return {
    policy: readPolicy(GlobalPolicy.decode(bytes)),
    version: parseVersion(about.version),
    savedAt: new Date(about.savedAt),
  };
}

function readHeader(line: string): Header {
  const header = parse(line);
  const { format = '' } = header;
  if (!format.startsWith('policystore-last-known-good/')) throw new Error('it is no last known good policy');
  if (format !== FORMAT) throw new Error(`it is in format ${format}, not ${FORMAT}`);
  const { namespace = '', version = '', savedAt = '', sha256 = '' } = header;
  return { format: FORMAT, namespace, version, savedAt, sha256 };
}

/** The texts of a JSON object. */
function parse(line: string): Partial<Record<string, string>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === 'string'));
  } catch {
    return {};
  }
}

function checksum({ format, namespace, version, savedAt }: About, bytes: Uint8Array): string {
  const about = JSON.stringify([format, namespace, version, savedAt]);
  return createHash('sha256').update(about).update(bytes).digest('hex');
}

function writePolicy(policy: Policy): GlobalPolicy {
  return {
    ...policy,
    allowedStrategies: [...policy.allowedStrategies],
    allowedSymbols: [...policy.allowedSymbols],
    oppRankings: new Map(policy.oppRankings),
    modelVersions: new Map(policy.modelVersions),
    lastUpdated: policy.lastUpdated && writeTime('lastUpdated', policy.lastUpdated),
    overrides: [...policy.overrides],
  };
}

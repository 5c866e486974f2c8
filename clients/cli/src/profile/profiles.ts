import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { type TlsOptions } from '@policystore/client';

import { oneOf } from '../patch/fields.js';
import { readFile } from '../patch/read-file.js';
import { readObject } from '../patch/values.js';
import { UsageError } from '../usage-error.js';

/** Where a server is and who asks, under a name. */
export interface Profile {
  readonly addresses: readonly string[];
  readonly namespace: string | undefined;
  /** Read for each command. Unset: no token. */
  readonly token: string | undefined;
  readonly tls: TlsOptions | boolean;
}

const KEYS = ['addresses', 'namespace', 'token_file', 'tls'] as const;
const TLS_KEYS = ['ca', 'cert', 'key', 'server_name'] as const;

export function profilesFile(): string {
  const given = process.env['POLICY_PROFILES'] ?? '';
  if (given !== '') return given;
  const config = process.env['XDG_CONFIG_HOME'] ?? '';
  return join(config === '' ? join(homedir(), '.config') : config, 'policystore', 'profiles.yaml');
}

/** @throws UsageError where there is no such profile, or it says what cannot be used. */
export function readProfile(name: string): Profile {
  const file = profilesFile();
  if (!existsSync(file)) {
    throw new UsageError(`there is no profile ${JSON.stringify(name)}, for there is no file ${file}`);
  }
  const profiles = readFile(file);
  const where = `${file}: ${oneOf('profile', name, Object.keys(profiles))}`;
  const profile = readObject(where, profiles[name]);
  for (const key of Object.keys(profile)) oneOf(`key of a profile (${where})`, key, KEYS);
  const tokenFile = textOf(where, profile, 'token_file');
  return {
    addresses: addressesOf(where, profile['addresses']),
    namespace: textOf(where, profile, 'namespace'),
    token: tokenFile === undefined ? undefined : readToken(where, pathFrom(file, tokenFile)),
    tls: tlsOf(where, file, profile['tls']),
  };
}

function addressesOf(where: string, value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  const addresses = list.filter((each): each is string => typeof each === 'string' && each.trim() !== '');
  if (addresses.length > 0 && addresses.length === list.length) return addresses;
  throw new UsageError(`${where}: addresses must be a list of host:port`);
}

function tlsOf(where: string, file: string, value: unknown): TlsOptions | boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  const tls = readObject(`${where}: tls`, value);
  for (const key of Object.keys(tls)) oneOf(`key of tls (${where})`, key, TLS_KEYS);
  const path = (key: string): string | undefined => {
    const text = textOf(`${where}: tls`, tls, key);
    return text === undefined ? undefined : pathFrom(file, text);
  };
  return {
    ca: path('ca'),
    cert: path('cert'),
    key: path('key'),
    serverName: textOf(`${where}: tls`, tls, 'server_name'),
  };
}

function textOf(where: string, object: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = object[key];
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new UsageError(`${where}: ${key} must be a text`);
}

/** Paths in the file are relative to it. */
function pathFrom(file: string, path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(dirname(file), path);
}

function readToken(where: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${where}: token_file: ${why}`);
  }
}

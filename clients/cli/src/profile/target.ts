import { type ClientOptions } from '@policystore/client';

import { splitNames } from '../patch/values.js';
import { readProfile } from './profiles.js';

/** What a command line says about where to. */
export interface TargetOptions {
  readonly addr?: string;
  readonly namespace?: string;
  readonly profile?: string;
  /** In milliseconds. */
  readonly deadline?: number;
}

/** Where a command goes, and as whom. */
export type Target = ClientOptions & { readonly addresses: readonly string[]; readonly namespace: string };

const DEFAULT_ADDRESS = '127.0.0.1:50051';

/**
 * Options win. A profile stands in the place of the whole environment: a token that is lying around there never goes to the
 * servers of a profile. @throws UsageError
 */
export function readTarget({ addr, namespace, profile: name, deadline }: TargetOptions): Target {
  const profile = name === undefined ? undefined : readProfile(name);
  const addresses = addr ?? profile?.addresses ?? variable('POLICY_ADDR') ?? DEFAULT_ADDRESS;
  return {
    addresses: typeof addresses === 'string' ? splitNames(addresses) : addresses,
    namespace: namespace ?? (profile ? profile.namespace : variable('POLICY_NAMESPACE')) ?? 'default',
    // Undefined has the client look into the environment.
    ...(profile && { token: profile.token ?? '', tls: profile.tls }),
    ...(deadline !== undefined && { deadlineMs: deadline }),
    name: 'operator',
  };
}

function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

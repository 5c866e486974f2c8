import type { Version } from '@policystore/client/proto';

import { formatVersion } from '../../engine/change.js';

export function versionText(version: Version): string;
export function versionText(version: Version | undefined): string | null;
export function versionText(version: Version | undefined): string | null {
  return version === undefined ? null : formatVersion(version);
}

/** Undefined: it is no version. */
export function versionFromText(text: string): Version | undefined {
  const [, epoch, revision] = /^([\w.-]{1,128}):(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, revision: Number(revision) };
}

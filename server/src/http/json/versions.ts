import type { Version } from '@policystore/client/proto';

export function versionText({ epoch, revision }: Version): string;
export function versionText(version: Version | undefined): string | null;
export function versionText(version: Version | undefined): string | null {
  return version === undefined ? null : `${version.epoch}:${String(version.revision)}`;
}

/** Undefined: it is no version. */
export function versionFromText(text: string): Version | undefined {
  const [, epoch, revision] = /^([\w.-]{1,128}):(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, revision: Number(revision) };
}

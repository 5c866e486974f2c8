/** One state of a namespace. Revisions compare only within one epoch. */
export interface Version {
  readonly epoch: string;
  /** Counts committed changes; the first is 1. */
  readonly revision: number;
}

/** The text form that the whole system uses: `epoch:revision`. */
export function formatVersion(version: Version): string {
  return `${version.epoch}:${version.revision}`;
}

/** @throws TypeError when the text is not `epoch:revision`. */
export function parseVersion(text: string): Version {
  const parts = /^([^:\s]+):(\d+)$/.exec(text);
  const epoch = parts?.[1];
  const revision = Number(parts?.[2]);
  if (epoch === undefined || !Number.isSafeInteger(revision)) {
    throw new TypeError(`not a version: ${JSON.stringify(text)}; expected epoch:revision`);
  }
  return { epoch, revision };
}

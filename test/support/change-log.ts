import { type PatchInput } from '@policystore/client';
import {
  type Change,
  ChangeKind,
  HistoryServiceService as methods,
  ListChangesRequest,
  type PolicyPatch,
  type Version,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { ask, connect } from './server.js';

/** One change as the log has it. */
export interface Logged {
  readonly version: Version;
  readonly patch: PolicyPatch;
  readonly reason: string;
}

const NOT_WRITTEN = new Set([ChangeKind.CREATE, ChangeKind.RECOVER]);

/** What was written, oldest first, as the history tells it: the whole log without its creation and its recoveries. */
export async function readLog(address: string, namespace = 'default'): Promise<Logged[]> {
  const changes = await readChanges(address, namespace);
  expect(changes[0]?.version?.revision, 'the oldest revision of the log').to.equal(1);
  return changes
    .filter(({ kind }) => !NOT_WRITTEN.has(kind))
    .map(({ version, patch, reason }) => ({ version: version!, patch: patch!, reason }));
}

/** Every change that the log still holds, oldest first, as the history tells it. */
export async function readChanges(address: string, namespace = 'default'): Promise<Change[]> {
  const client = connect(address);
  try {
    const changes: Change[] = [];
    let pageToken = '';
    do {
      const request = { ...ListChangesRequest.create(), namespace, pageSize: 500, pageToken };
      const { entries, nextPageToken } = await ask(client, methods.listChanges, request);
      changes.push(...entries.map(({ change }) => change!));
      pageToken = nextPageToken;
    } while (pageToken !== '');
    return changes.reverse();
  } finally {
    client.close();
  }
}

/**
 * A write of its own kind: it puts a ranking that no other puts, and a parameter that all others change, so that it
 * is a change again if it is applied again.
 */
export function putOnce(key: string, score = 0.5): PatchInput {
  return { oppRankings: { put: { [key]: score } }, customParams: { newest: key } };
}

/** The rankings that changes put, in the order of the log. */
export function putsOf(log: readonly Logged[]): string[] {
  return log.flatMap(({ patch }) => [...(patch.oppRankings?.put.keys() ?? [])]);
}

/**
 * Expects a log of `putOnce` writes only: each at most once, and what was acknowledged at the version that was told.
 * `acknowledged` has those versions by ranking.
 */
export function expectAcknowledged(log: readonly Logged[], acknowledged: ReadonlyMap<string, Version>): void {
  const puts = putsOf(log);
  expect(puts).to.have.lengthOf(log.length);
  expect(new Set(puts).size, 'rankings put, of all puts').to.equal(puts.length);
  const logged = new Map(log.map(({ version }, i) => [puts[i], version]));
  for (const [key, version] of acknowledged) {
    expect(logged.get(key), `the version of ${key}`).to.deep.equal(version);
  }
}

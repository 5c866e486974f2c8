import { type PatchInput } from '@policystore/client';
import {
  Delivery,
  Freshness,
  GetRequest,
  type PolicyPatch,
  PolicyServiceService as methods,
  type Version,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { ask, connect, watch } from './server.js';

/** One change as the log has it. */
export interface Logged {
  readonly revision: number;
  readonly patch: PolicyPatch;
  readonly reason: string;
}

/**
 * The log as the store has it now, from the change after the creation on: what a watch after revision 1 gets.
 * The namespace's only epoch is expected, and no gap.
 */
export async function readLog(address: string, namespace = 'default'): Promise<Logged[]> {
  const client = connect(address);
  const request = { ...GetRequest.create(), namespace, freshness: Freshness.STORE };
  const { version } = await ask(client, methods.get, request);
  const { epoch, revision: head } = version!;
  const stream = watch(client, { namespace, after: { epoch, revision: 1 }, delivery: Delivery.PATCHES });
  try {
    const log: Logged[] = [];
    while (log.length + 1 < head) {
      const { event, version: at, previous, cause } = await stream.next();
      if (event?.$case !== 'patch') return expect.fail(`a ${event?.$case ?? 'heartbeat'} in the log`);
      expect(at).to.deep.equal({ epoch, revision: log.length + 2 });
      expect(previous).to.equal(log.length + 1);
      log.push({ revision: at!.revision, patch: event.value, reason: cause!.reason });
    }
    return log;
  } finally {
    stream.cancel();
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
  const logged = new Map(puts.map((key, i) => [key, i + 2]));
  for (const [key, { revision }] of acknowledged) {
    expect(logged.get(key), `the revision of ${key}`).to.equal(revision);
  }
}

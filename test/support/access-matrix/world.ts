import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type GlobalPolicy, Limits, PolicyServiceService, UpdateRequest } from '@policystore/client/proto';
import { expect } from 'chai';

import type { HttpTarget } from '../http.js';
import { until } from '../process.js';
import { bearer, replaceFile, secure } from '../secured.js';
import { ask, type Failure, failure, type TestServer, type UnaryMethod } from '../server.js';
import { ENDS, GIVEN } from './policies.js';
import { ACCESS_FILE, ROWS, type Towards } from './table.js';

/** A server with TLS and tokens under the access file of the matrix, with what its cells need. */
export interface MatrixWorld {
  readonly server: TestServer;
  /** The same server over HTTP. */
  readonly http: HttpTarget;
  /** The revisions at which every field was tighter, and looser. */
  readonly revisions: Readonly<Record<Towards, number>>;
  /** Metadata by which a call is made as somebody. */
  headersOf(identity: string): Record<string, string>;
  call<Request, Response>(
    identity: string,
    method: UnaryMethod<Request, Response>,
    request: Request,
  ): Promise<Response>;
  /** The base is this from now on. Costs nothing where it is already. */
  give(policy: GlobalPolicy): Promise<void>;
  /** It may not be any more: a call was let through. */
  changed(): void;
  close(): Promise<void>;
}

/** The overrides that are to be restored: each identity has put one in force itself, and another one did. */
export function ownOverride(identity: string): string {
  return `own of ${identity}`;
}

export function othersOverride(identity: string): string {
  return `not of ${identity}`;
}

export function another(identity: string): string {
  return identity === 'operator' ? 'writer' : 'operator';
}

export async function startMatrix(): Promise<MatrixWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'policystore-matrix-'));
  const secured = await secure(directory);
  const tokens = new Map(ROWS.map(({ identity }) => [identity, secured.issue(identity)]));
  const headersOf = (identity: string): Record<string, string> => bearer(tokens.get(identity) ?? '');
  // Everybody is an operator until the overrides are in force: who must not trip may once have done so.
  const server = await secured.start({ flags: ['--namespaces', 'default,paper'] });
  let held: GlobalPolicy | undefined;
  const call: MatrixWorld['call'] = (identity, method, request) =>
    ask(server.client, method, request, headersOf(identity));

  async function put(policy: GlobalPolicy): Promise<number> {
    const request = { ...UpdateRequest.create(), policy };
    const { version } = await call('operator', PolicyServiceService.update, request);
    held = policy;
    return version?.revision ?? 0;
  }

  const trip = (actor: string, name: string): Promise<unknown> =>
    call(actor, PolicyServiceService.override, {
      ...{ namespace: '', expectedVersion: undefined, requestId: '', validateOnly: false, ttl: undefined },
      name,
      // Masks nothing of what the matrix writes.
      limits: Limits.create({ maxRiskPerTrade: 0.9 }),
      reason: 'yesterday',
    });

  const agent = new Agent({ keepAlive: true });
  const revisions = { tighten: await put(ENDS.tighten), loosen: await put(ENDS.loosen) };
  for (const { identity } of ROWS) {
    await trip(identity, ownOverride(identity));
    await trip(another(identity), othersOverride(identity));
  }
  await put(GIVEN);
  replaceFile(secured.files.access, ACCESS_FILE);
  await until(async () => server.log.some(({ msg }) => msg.startsWith('access changed')));

  return {
    server,
    http: { httpAddress: server.httpAddress, tls: { ca: secured.authority.cert }, agent },
    revisions,
    headersOf,
    call,
    async give(policy) {
      if (policy !== held) await put(policy);
    },
    changed() {
      held = undefined;
    },
    async close() {
      agent.destroy();
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What became of a call that may be refused for want of rights, and must not fail for anything else. */
export async function verdict<Response>(
  outcome: Promise<Response>,
): Promise<{ readonly response: Response } | { readonly refused: Failure }> {
  const settled = await outcome.then(
    (response) => ({ response }),
    () => undefined,
  );
  if (settled !== undefined) return settled;
  const refused = await failure(outcome);
  expect(refused.reason, refused.message).to.equal('PERMISSION_DENIED');
  return { refused };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Metadata } from '@grpc/grpc-js';

import { createAuthenticator } from '../../../server/src/auth/authenticator.js';
import { hashToken } from '../../../server/src/auth/token.js';
import { parseAccess } from '../../../server/src/domain/access/access-file.js';
import { createAccess } from '../../../server/src/engine/access/access.js';
import { createIdentifier } from '../../../server/src/grpc/identity.js';
import { secure } from '../../support/secured.js';
import type { Extent, Part } from '../bench.js';
import { interleave, type Side } from '../measure/interleave.js';
import type { Sample } from '../measure/sample.js';
import { startBare } from '../peers/bare.js';
import { BARE } from '../peers/bare-methods.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { probe } from '../probe.js';
import { CPU, P50, P99, type Row, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';
import { get, inFlight, policyWith } from '../workload.js';

const IDENTITIES = 20;
const ACCESS = `identities: { '*': { roles: [operator] } }`;
const reference = 'bare grpc-js, TLS';
/** What finding out who calls, and whether it may read, may take of a Get. */
const SHARE = 0.03;
/** So many checks between two readings of the clock. */
const BATCH = 1000;

/** Two processes of one program differ by up to a fifth for as long as they live: each server is started so often. */
const STARTS = 5;

/** Windows of each side, in the same places those of the same round. */
interface Windows {
  readonly ours: Sample[];
  readonly theirs: Sample[];
  readonly checks: Sample[];
  readonly alone: Sample[];
  readonly bareAlone: Sample[];
}

/** Get over TLS by who proves who it is, against a server that answers a constant buffer over TLS to anybody. */
export const measureTls: Part = async (bench) => {
  const { extent, progress } = bench;
  const all: Windows = { ours: [], theirs: [], checks: [], alone: [], bareAlone: [] };
  const starts = Math.min(STARTS, extent.rounds);
  for (let start = 1; start <= starts; start += 1) {
    progress(`Get over TLS with a token, start ${start} of ${starts}`);
    const rounds = Math.ceil(extent.rounds / starts);
    const these = await Stage.set(bench, (stage) => measureOnce(stage, extent, rounds));
    for (const side of Object.keys(all) as (keyof Windows)[]) all[side].push(...these[side]);
  }
  return rowsOf(all);
};

/** With servers of its own. */
async function measureOnce(stage: Stage, { windowMs }: Extent, rounds: number): Promise<Windows> {
  const directory = await mkdtemp(join(tmpdir(), 'policystore-bench-'));
  await stage.start(Promise.resolve({ close: () => rm(directory, { recursive: true, force: true }) }));
  const secured = await secure(directory);
  const tokens = Array.from({ length: IDENTITIES }, (_, i) => secured.issue(`executor-${i}`));
  const [token = ''] = tokens;
  const { authority, files } = secured;
  const env = {
    POLICY_TLS_CERT: files.cert,
    POLICY_TLS_KEY: files.key,
    POLICY_TOKENS: files.tokens,
    POLICY_ACCESS: files.access,
  };
  const policy = policyWith(20);
  const plain = await startPolicyServer('memory:', policy);
  const sizes = await probe(plain, 'SYM0').finally(() => plain.close());
  const bare = await stage.start(startBare(sizes, secured));
  const server = await stage.start(startPolicyServer('memory:', policy, { ca: authority.cert, token, env }));
  const bareGet = { path: BARE.get, message: get.message };

  const [ours = [], theirs = [], checks = []] = await interleave(rounds, [
    await stage.load(server, inFlight(64, get)),
    await stage.load(bare, inFlight(64, bareGet)),
    checking(tokens, windowMs / 4),
  ]);
  const [alone = [], bareAlone = []] = await interleave(rounds, [
    await stage.load(server, inFlight(1, get)),
    await stage.load(bare, inFlight(1, bareGet)),
  ]);
  return { ours, theirs, checks, alone, bareAlone };
}

function rowsOf({ ours, theirs, checks, alone, bareAlone }: Windows): Row[] {
  const title = 'Get, TLS and token, 64 in flight';
  const against = { reference, samples: theirs };
  const latency = { reference, samples: bareAlone, goal: { ratio: 'at most', limit: 1.1 } } as const;
  const throughput = { ...against, goal: { ratio: 'at least', limit: 0.92 } } as const;
  const share = {
    reference: 'the whole Get',
    samples: ours,
    goal: { ratio: 'at most', limit: SHARE },
  } as const;
  return [
    row('tls.64', title, THROUGHPUT, ours, throughput),
    row('tls.64', title, CPU, ours, against),
    row('tls.1', 'Get, TLS and token, 1 in flight', P50, alone, latency),
    row('tls.1', 'Get, TLS and token, 1 in flight', P99, alone, latency),
    row('tls.check', 'Its check of token and rights', CPU, checks, share),
  ];
}

/** What the server does with each call to find out who makes it and what that one may, in this thread. */
function checking(tokens: readonly string[], ms: number): Side {
  const known = tokens.map((token, i) => ({
    hash: hashToken(token),
    name: `executor-${i}`,
    expiresAt: Date.now() + 86_400_000,
  }));
  const still = { onChange: () => () => undefined, close: () => undefined };
  const identifier = createIdentifier(createAuthenticator({ tokens: { current: known, ...still } }));
  const access = createAccess({ current: parseAccess(ACCESS, 'access.yaml'), ...still });
  const calls = tokens.map((token) => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    return { metadata, getAuthContext: () => ({}) };
  });
  const check = (i: number): boolean => {
    const call = calls[i % calls.length];
    const identity = call && identifier.identify(call);
    if (identity === undefined || identity instanceof Promise) return false;
    return access.rightsOf(identity, 'default').read;
  };
  return () => {
    const began = performance.now();
    let requests = 0;
    let now = began;
    do {
      for (let i = 0; i < BATCH; i += 1) if (!check(i)) throw new Error('a check refused');
      requests += BATCH;
      now = performance.now();
    } while (now - began < ms);
    const seconds = (now - began) / 1000;
    const cpu = (seconds / requests) * 1e6;
    return Promise.resolve({
      requests,
      perSecond: requests / seconds,
      p50: NaN,
      p99: NaN,
      cpu,
      generator: NaN,
    });
  };
}

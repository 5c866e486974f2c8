import { PolicyClient, type WatchEvent } from '@policystore/client';
import {
  GetRequest,
  type PolicyServiceClient,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createRandom, type Random } from '../demo/market/random.js';
import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { AUDIENCE, createSigner, ISSUER, keySet } from '../support/jwt.js';
import { residentBytes } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { bearer, replaceFile, secure } from '../support/secured.js';
import { ask, connect, type ServerProcess } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import {
  type Attack,
  badGzip,
  badMessages,
  badMetadata,
  brokenFrames,
  garbage,
  hugeMetadata,
  openHalf,
  rapidReset,
  type Target,
} from './support/attacks.js';
import type { Header } from './support/raw-http2.js';
import { badHandshakes, badTokens } from './support/token-attacks.js';

const MIB = 1024 * 1024;
const MAX_GROWTH_BYTES = 64 * MIB;
/**
 * A small heap, so that what the server holds shows in its size, and not what it has not collected yet: what it kept of
 * 100,000 requests would end it.
 */
const SMALL = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2' };
/** Far more than it takes; what is not given back by then is kept. */
const SETTLE_MS = 60_000;
const HALF_OPEN = 200;
const AT_ONCE = 8;

type Attacks = readonly (readonly [attack: Attack, requests: number])[];

/** How many requests of each kind; together more than 100,000. */
const ATTACKS: Attacks = [
  [badMessages, 40_000],
  [badMetadata, 10_000],
  [badGzip, 10_000],
  [rapidReset, 30_000],
  [brokenFrames, 12_000],
  [garbage, 1500],
  [hugeMetadata, 500],
];

/** A server that is besieged, and those whom it has to serve meanwhile. */
interface Siege {
  readonly server: ServerProcess;
  readonly target: Target;
  readonly attacks: Attacks;
  /** Of the others. */
  readonly client: PolicyClient;
  readonly reader: PolicyServiceClient;
  readonly headers: Readonly<Record<string, string>>;
}

describe('hostile requests', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  async function withstand({ server, target, attacks, ...others }: Siege): Promise<readonly WatchEvent[]> {
    const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const random = createRandom(seed);
    console.log(`      TEST_SEED=${seed}`);
    const { client } = others;
    const watched = recordWatch(client.watch({ after: await client.get() }));

    const fresh = residentBytes(server);
    // What it takes to handle so many at once is not what they leave behind.
    const first = await openHalves(target, random);
    await attack(target, random, attacks);
    await Promise.all(first.map((half) => half.vanish()));
    await client.patch({ customParams: { round: 0 } });
    const before = residentBytes(server);

    const served = serve(others);
    const halves = await openHalves(target, random);
    const sent = await attack(target, random, attacks);
    expect(sent).to.be.at.least(attacks.reduce((sum, [, requests]) => sum + requests, 0));
    const { gets, newest } = await served.stop();
    const peak = residentBytes(server);
    await Promise.all(halves.map((half) => half.vanish()));

    await until(async () => residentBytes(server) - before < MAX_GROWTH_BYTES, { timeoutMs: SETTLE_MS });
    const after = residentBytes(server);
    await watched.reach(newest);
    expectEveryChange(watched.events, 2, newest);
    expect(watched.watch.reconnects).to.equal(0);
    expect(gets).to.be.above(sent / 1000);
    expect((await client.get({ fresh: true })).policy.maxPositions).to.equal(5);
    expect(linesOf(server.output).filter(({ level }) => level >= 50)).to.deep.equal([]);
    console.log(
      `      ${sent} requests; RSS fresh ${mib(fresh)}, before ${mib(before)}, at the end ${mib(peak)}, settled ${mib(after)} MiB; ` +
        `${gets} reads of others`,
    );
    return watched.events;
  }

  it('100,000 of them leave the server alive, no larger, and serving others without an error', async () => {
    const server = keep(await startBuiltServer({ ...SMALL, POLICY_STORE: 'memory:' }), (it) => it.kill());
    const { address } = server;
    const client = keep(new PolicyClient({ addresses: address, name: 'other' }), (it) => it.close());
    const reader = keep(connect(address), (it) => it.close());
    await withstand({ server, target: { address }, attacks: ATTACKS, client, reader, headers: {} });
  }).timeout(300_000);

  it('nor does a server change that asks who calls, by those whom it does not know, nor by who may only read', async () => {
    const secured = await secure(directory.path);
    const signer = await createSigner();
    const jwks = join(directory.path, 'jwks.json');
    writeFileSync(jwks, keySet(signer));
    const [token, readers] = [secured.issue('other'), secured.issue('reader')];
    replaceFile(
      secured.files.access,
      'identities: { other: { roles: [operator] }, reader: { roles: [reader] }, msc_ai: { roles: [operator] } }',
    );
    const server = keep(
      await startBuiltServer({
        ...SMALL,
        POLICY_STORE: 'memory:',
        POLICY_TLS_CERT: secured.files.cert,
        POLICY_TLS_KEY: secured.files.key,
        POLICY_TLS_CLIENT_CA: secured.files.clientCa,
        POLICY_TOKENS: secured.files.tokens,
        POLICY_ACCESS: secured.files.access,
        POLICY_JWKS: jwks,
        POLICY_JWT_ISSUER: ISSUER,
        POLICY_JWT_AUDIENCE: AUDIENCE,
      }),
      (it) => it.kill(),
    );
    const { address } = server;
    const ca = secured.authority.cert;
    const client = keep(new PolicyClient({ addresses: address, tls: { ca }, token }), (it) => it.close());
    const reader = keep(connect(address, await secured.channel()), (it) => it.close());
    const headers = (random: Random): readonly Header[] =>
      random.next() < 0.5 ? [['authorization', `Bearer ${readers}`]] : [];
    const attacks: Attacks = [
      ...ATTACKS.map(([kind, requests]) => [kind, requests / 4] as const),
      [await badTokens({ token, readers, signer }), 20_000],
      [await badHandshakes(), 1000],
    ];
    const target = { address, ca, headers };
    const events = await withstand({ server, target, attacks, client, reader, headers: bearer(token) });

    expect(new Set(events.map(({ cause }) => cause?.actor))).to.deep.equal(new Set(['other']));
    const reasons = ['UNAUTHENTICATED', 'CREDENTIAL_EXPIRED', 'PERMISSION_DENIED'];
    for (const reason of reasons) expect(server.output).to.include(`failed: ${reason}`);
    for (const secret of [token, readers]) expect(server.output).to.not.include(secret.slice(4, 24));
  }).timeout(300_000);
});

function openHalves(target: Target, random: Random): Promise<Awaited<ReturnType<typeof openHalf>>[]> {
  return Promise.all(Array.from({ length: HALF_OPEN }, () => openHalf(target, random)));
}

/** All kinds at once. */
async function attack(target: Target, random: Random, attacks: Attacks): Promise<number> {
  const sent = await Promise.all(
    attacks.map(async ([kind, requests]) => {
      let count = 0;
      while (count < requests) {
        const counts = await Promise.all(Array.from({ length: AT_ONCE }, () => kind(target, random)));
        count += counts.reduce((a, b) => a + b);
      }
      return count;
    }),
  );
  return sent.reduce((a, b) => a + b);
}

/** Reads all the time, with a client that never tries again, and writes now and then. */
function serve({ client, reader, headers }: Pick<Siege, 'client' | 'reader' | 'headers'>): {
  stop(): Promise<{ gets: number; newest: number }>;
} {
  let over = false;
  let gets = 0;
  let newest = 0;
  const goOn = async (): Promise<void> => {
    for (; !over; gets += 1) {
      await ask(reader, methods.get, GetRequest.create(), headers);
      if (gets % 20 > 0) continue;
      newest = (await client.patch({ customParams: { round: gets + 1 } })).version.revision;
    }
  };
  const served = goOn();
  served.catch(() => undefined);
  return {
    async stop() {
      over = true;
      await served;
      return { gets, newest };
    },
  };
}

function linesOf(output: string): { readonly level: number; readonly msg: string }[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { level: number; msg: string });
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(0);

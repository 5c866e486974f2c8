import { PolicyClient } from '@policystore/client';
import {
  GetRequest,
  type PolicyServiceClient,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { createRandom, type Random } from '../demo/market/random.js';
import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { residentBytes } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { ask, connect } from '../support/server.js';
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
} from './support/attacks.js';

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

/** How many requests of each kind; together more than 100,000. */
const ATTACKS: readonly (readonly [attack: Attack, requests: number])[] = [
  [badMessages, 40_000],
  [badMetadata, 10_000],
  [badGzip, 10_000],
  [rapidReset, 30_000],
  [brokenFrames, 12_000],
  [garbage, 1500],
  [hugeMetadata, 500],
];

describe('hostile requests', () => {
  const keep = closeAfterEach();

  it('100,000 of them leave the server alive, no larger, and serving others without an error', async () => {
    const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const random = createRandom(seed);
    console.log(`      TEST_SEED=${seed}`);
    const server = keep(await startBuiltServer({ ...SMALL, POLICY_STORE: 'memory:' }), (it) => it.kill());
    const { address } = server;
    const client = keep(new PolicyClient({ addresses: address, name: 'other' }), (it) => it.close());
    const watched = recordWatch(client.watch({ after: await client.get() }));

    const fresh = residentBytes(server);
    // What it takes to handle so many at once is not what they leave behind.
    const first = await openHalves(address, random);
    await attack(address, random, 0.5);
    await Promise.all(first.map((half) => half.vanish()));
    await client.patch({ customParams: { round: 0 } });
    const before = residentBytes(server);

    const reader = keep(connect(address), (it) => it.close());
    const others = serveOthers(client, reader);
    const halves = await openHalves(address, random);
    const sent = await attack(address, random, 1);
    expect(sent).to.be.at.least(100_000);
    const { gets, newest } = await others.stop();
    const peak = residentBytes(server);
    await Promise.all(halves.map((half) => half.vanish()));

    await until(async () => residentBytes(server) - before < MAX_GROWTH_BYTES, { timeoutMs: SETTLE_MS });
    const after = residentBytes(server);
    await watched.reach(newest);
    expectEveryChange(watched.events, 2, newest);
    expect(watched.watch.reconnects).to.equal(0);
    expect(gets).to.be.above(100);
    expect((await client.get({ fresh: true })).policy.maxPositions).to.equal(5);
    expect(linesOf(server.output).filter(({ level }) => level >= 50)).to.deep.equal([]);
    console.log(
      `      ${sent} requests; RSS fresh ${mib(fresh)}, before ${mib(before)}, at the end ${mib(peak)}, settled ${mib(after)} MiB; ` +
        `${gets} reads of others`,
    );
  }).timeout(180_000);
});

function openHalves(address: string, random: Random): Promise<Awaited<ReturnType<typeof openHalf>>[]> {
  return Promise.all(Array.from({ length: HALF_OPEN }, () => openHalf(address, random)));
}

/** All kinds at once, a share of each. */
async function attack(address: string, random: Random, share: number): Promise<number> {
  const sent = await Promise.all(
    ATTACKS.map(async ([kind, requests]) => {
      let count = 0;
      while (count < requests * share) {
        const counts = await Promise.all(Array.from({ length: AT_ONCE }, () => kind(address, random)));
        count += counts.reduce((a, b) => a + b);
      }
      return count;
    }),
  );
  return sent.reduce((a, b) => a + b);
}

/** Reads all the time, with a client that never tries again, and writes now and then. */
function serveOthers(
  client: PolicyClient,
  reader: PolicyServiceClient,
): { stop(): Promise<{ gets: number; newest: number }> } {
  let over = false;
  let gets = 0;
  let newest = 0;
  const serve = async (): Promise<void> => {
    for (; !over; gets += 1) {
      await ask(reader, methods.get, GetRequest.create());
      if (gets % 20 > 0) continue;
      newest = (await client.patch({ customParams: { round: gets + 1 } })).version.revision;
    }
  };
  const served = serve();
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

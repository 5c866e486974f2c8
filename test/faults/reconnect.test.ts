import { formatVersion, MemberState, PolicyClient, type Version } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { residentBytes } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { plainRedis } from '../support/redis.js';
import { type ServerProcess } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { Executors, isAllowed, now, OPEN } from './support/executors.js';

const PROCESSES = 5;
const CLIENTS = 1000;
/** What a connection, its stream and its acknowledgements may take of the server, several times over. */
const BYTES_PER_CLIENT = 200_000;
/** As long as a busy machine may take. */
const PATIENCE_MS = 60_000;

describe('live policies whose replica is killed', function () {
  this.timeout(300_000);
  const keep = closeAfterEach();

  it('are all current again at the other one, 1,000 at once, to and fro, within a bounded memory', async () => {
    const namespace = uniqueNamespace();
    const redis = keep(await plainRedis(), (it) => it.close());
    const start = async (address = '127.0.0.1:0'): Promise<ServerProcess> => {
      const env = { POLICY_STORE: redis.url, POLICY_NAMESPACES: namespace, POLICY_GRPC_ADDR: address };
      return keep(await startBuiltServer(env), (it) => it.kill());
    };
    let [here, away] = [await start(), await start()];
    const addresses = [here.address, away.address];
    const writer = keep(new PolicyClient({ addresses, namespace, deadlineMs: PATIENCE_MS }), (it) => {
      it.close();
    });
    await writer.patch(OPEN);
    // All at one, since there is no other.
    await away.kill();
    const groups = await Promise.all(
      Array.from({ length: PROCESSES }, async (_, i) => {
        const executors = Array.from({ length: CLIENTS / PROCESSES }, (_, n) => ({
          instance: `executor-${i}-${n}`,
          addresses,
        }));
        return keep(await Executors.start({ namespace, executors, lookMs: 20 }), (it) => it.process.kill());
      }),
    );
    for (const group of groups) await group.find(isAllowed);

    for (let round = 0; round < 2; round += 1) {
      away = await start(away.address);
      const held = await writer.get({ fresh: true });
      await until(async () => (await appliedAt(here, held.version)) === CLIENTS, { timeoutMs: PATIENCE_MS });
      const before = residentBytes(away);
      await here.kill();
      const killedAt = now();
      const { version } = await writer.patch({ maxPositions: 40 + round });
      const text = formatVersion(version);
      for (const group of groups) {
        await group.find((finding) => finding.version === text && isAllowed(finding));
      }
      const current = groups.flatMap((group) => group.newest());
      const last = Math.max(...current.map(({ at }) => at)) - killedAt;
      await until(async () => (await appliedAt(away, version)) === CLIENTS, { timeoutMs: PATIENCE_MS });
      const acknowledged = now() - killedAt;
      const grown = residentBytes(away) - before;
      expect(grown, 'bytes').to.be.below(CLIENTS * BYTES_PER_CLIENT);
      const found = groups.flatMap((group) => group.instances.flatMap((each) => group.findings(each)));
      const denied = found.filter((each) => each.at > killedAt && !isAllowed(each));
      const stale = new Set(denied.map(({ instance }) => instance));
      console.log(
        `      ${CLIENTS} reconnected: current after ${last.toFixed(0)} ms, acknowledged after ` +
          `${acknowledged.toFixed(0)} ms; ${stale.size} were stale meanwhile; ` +
          `the server grew by ${(grown / CLIENTS / 1024).toFixed(0)} KiB each`,
      );
      [here, away] = [away, here];
    }

    /** How many executors with a stream of this server have applied a version. */
    async function appliedAt({ address }: ServerProcess, { revision }: Version): Promise<number> {
      const client = new PolicyClient({ addresses: address, namespace, deadlineMs: PATIENCE_MS });
      try {
        const { members } = await client.fleet.list();
        // One that listened there before is remembered for a while.
        const [replica] = members
          .filter((each) => each.component === 'replica' && each.address === address)
          .sort((one, other) => Number(other.since) - Number(one.since));
        return members.filter(
          (member) =>
            member.component === 'executor' &&
            member.replica === replica?.instance &&
            member.state === MemberState.APPLIED &&
            member.applied!.revision >= revision,
        ).length;
      } finally {
        client.close();
      }
    }
  });
});

import { PolicyClient, type Version } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { expectAcknowledged, putOnce, readLog } from '../support/change-log.js';
import { closeAfterEach } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { isCommit } from '../support/redis-commit.js';
import { plainRedis } from '../support/redis.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy } from '../support/tcp-proxy.js';

const REPLIES = 200;
/** Each has its own writer, so that they lose replies at the same time. */
const NAMESPACES = 5;
const WRITERS = 4;

describe('a server that loses the replies of its Redis', () => {
  const keep = closeAfterEach();

  it('has every acknowledged write in the log once, and no other, after 200 of them', async () => {
    const redis = keep(await plainRedis(), (it) => it.close());
    const { hostname, port } = new URL(redis.url);
    const proxy = keep(await startProxy({ host: hostname, port: Number(port) }), (it) => it.close());
    const url = new URL(redis.url);
    url.host = `${proxy.host}:${proxy.port}`;
    const namespaces = Array.from({ length: NAMESPACES }, () => uniqueNamespace());
    const env = { POLICY_STORE: url.href, POLICY_NAMESPACES: namespaces.join() };
    const server = keep(await startBuiltServer(env), (it) => it.kill());

    // Two of three commits, the second tries of those that lost their replies among them.
    let commits = 0;
    proxy.dropReplies(REPLIES, (request) => isCommit(request) && commits++ % 3 < 2);
    const written = await inParallel(NAMESPACES, NAMESPACES, async (n) => {
      const namespace = namespaces[n]!;
      const client = keep(
        new PolicyClient({ addresses: server.address, namespace, deadlineMs: 30_000 }),
        (it) => it.close(),
      );
      const watched = recordWatch(client.watch());
      await watched.reach(1);
      const acknowledged = new Map<string, Version>();
      await inParallel(WRITERS, WRITERS, async (writer) => {
        for (let i = 0; proxy.dropped < REPLIES; i++) {
          const key = `W${writer}N${i}`;
          // Without a request id the client has one try: then only the server can keep the write from getting lost.
          const requestId = i % 2 === 0 ? `${namespace}-${key}` : '';
          const { version } = await client.patch(putOnce(key), { requestId });
          acknowledged.set(key, version);
        }
      });
      return { namespace, watched, acknowledged, client };
    });

    expect(proxy.dropped).to.equal(REPLIES);
    for (const { namespace, watched, acknowledged, client } of written) {
      const log = await readLog(server.address, namespace);
      expect(log).to.have.lengthOf(acknowledged.size);
      expectAcknowledged(log, acknowledged);
      const { policy, version } = await client.get({ fresh: true });
      expect(version.revision).to.equal(acknowledged.size + 1);
      expect([...policy.oppRankings.keys()]).to.have.members([...acknowledged.keys()]);
      await watched.reach(version.revision);
      expectEveryChange(watched.events.slice(1), 2, version.revision);
    }
  });
});

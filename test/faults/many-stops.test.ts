import { PolicyClient, TradingState } from '@policystore/client';
import { OverrideRequest, PatchRequest, PolicyServiceService as methods } from '@policystore/client/proto';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { closeAfterEach } from '../support/closing.js';
import { committed, namesOf, overridesLogged } from '../support/pending.js';
import { bringToStandstill } from '../support/proc-status.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { ask, connect, type Failure, failure, type ServerProcess } from '../support/server.js';

describe('many stops while Redis stands still', () => {
  const keep = closeAfterEach();
  let redis: RedisServer;
  let servers: ServerProcess[];

  beforeEach(async () => {
    redis = keep(await startRedis(), (it) => it.close());
    servers = [];
    for (let i = 0; i < 2; i++) {
      servers.push(keep(await startBuiltServer({ POLICY_STORE: redis.url }), (it) => it.kill()));
    }
  });

  const clientOf = (server: ServerProcess, name: string): PolicyClient =>
    keep(new PolicyClient({ addresses: server.address, name }), (it) => it.close());

  it('are never refused, also when the server gives up the writes that wait', async () => {
    const [server] = servers as [ServerProcess, ServerProcess];
    const stub = keep(connect(server.address), (it) => it.close());
    await bringToStandstill(redis.process);
    const refused: Failure[] = [];
    const givenUp = (async () => {
      for (let i = 0; i < 2; i++) {
        const write = PatchRequest.fromPartial({ patch: { maxPositions: 50 + i } });
        refused.push(await failure(ask(stub, methods.patch, write)));
      }
    })();

    // By calls that nobody tries again; one or the other waits whenever the server gives up.
    for (let i = 0; refused.length < 2; i++) {
      const limits = { globalMinConfidence: 0.8 + i / 10_000 };
      const request = OverrideRequest.fromPartial({ name: 'governor', limits, reason: 'drawdown' });
      const { override } = await ask(stub, methods.override, request);
      expect(override).to.deep.include({ name: 'governor', pending: true });
      expect(override?.limits?.globalMinConfidence).to.equal(limits.globalMinConfidence);
    }
    await givenUp;

    const client = clientOf(server, 'reader');
    const { policy: stopped } = await client.get();
    redis.process.thaw();
    const { policy } = await committed(client);
    expect(policy.globalMinConfidence).to.equal(stopped.globalMinConfidence);
    expect(policy.overrides).to.have.lengthOf(1);
  });

  it('under one name on two replicas are in force together when it is back, and restored as one', async () => {
    const [governor, officer] = [clientOf(servers[0]!, 'governor'), clientOf(servers[1]!, 'officer')];
    await governor.update({ maxPositions: 20, allowedStrategies: ['trend'] });
    await officer.get({ fresh: true });
    await bringToStandstill(redis.process);
    await governor.override({ reason: 'drawdown', limits: { maxPositions: 2 } });
    await officer.override({
      reason: 'news',
      limits: { tradingState: TradingState.HALTED, maxPositions: 6 },
    });
    expect((await governor.get()).policy).to.include({ maxPositions: 2, tradingState: TradingState.ACTIVE });
    expect((await officer.get()).policy).to.include({ maxPositions: 6, tradingState: TradingState.HALTED });

    redis.process.thaw();

    await Promise.all([committed(governor), committed(officer)]);
    const { policy, version } = await governor.get({ fresh: true });
    const tightest = { maxPositions: 2, tradingState: TradingState.HALTED };
    expect(policy).to.deep.include(tightest);
    expect(policy.overrides.map(({ limits }) => limits)).to.have.lengthOf(1);
    expect(policy.overrides[0]?.limits).to.deep.include(tightest);
    expect(canonical((await officer.get({ minVersion: version })).policy)).to.equal(canonical(policy));
    const entries = await overridesLogged(officer);
    expect(namesOf(entries)).to.deep.equal(['circuit-breaker', 'circuit-breaker']);
    expect(entries.map(({ reason }) => reason)).to.have.members(['drawdown', 'news']);
    await officer.restore();
    expect((await officer.get()).policy).to.deep.include({
      maxPositions: 20,
      tradingState: TradingState.ACTIVE,
      overrides: [],
    });
  });
});

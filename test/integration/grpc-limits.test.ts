import { status } from '@grpc/grpc-js';
import {
  GetRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';
import { pino } from 'pino';

import type { IdentityLimits } from '../../server/src/engine/limits/identity-limits.js';
import { createCallLog } from '../../server/src/grpc/call-log.js';
import { createGrpcServer } from '../../server/src/grpc/grpc-server.js';
import { closeAfterEach } from '../support/closing.js';
import { startEngine } from '../support/engine.js';
import { until } from '../support/process.js';
import { ask, connect, failure, watch } from '../support/server.js';

const LIMITS: Readonly<Record<string, IdentityLimits>> = { noisy: { writesPerSecond: 5, watchers: 2 } };
const FLOOD = 2000;

describe('limits per identity over gRPC', () => {
  const keep = closeAfterEach();

  async function start() {
    const limitsOf = ({ name }: { name: string }): IdentityLimits => LIMITS[name] ?? {};
    const { engine } = keep(await startEngine({ limitsOf }), (it) => it.close());
    const log = createCallLog(pino({ level: 'silent' }));
    const server = keep(await createGrpcServer(engine, '127.0.0.1:0', log), (it) => it.close());
    return keep(connect(server.address), (it) => it.close());
  }
  const as = (name: string) => ({ 'x-policy-client': name });
  const patchOf = (maxPositions: number): PatchRequest => ({
    ...PatchRequest.create(),
    patch: { ...PolicyPatch.create(), maxPositions },
  });
  const stop: OverrideRequest = { ...OverrideRequest.create(), reason: 'drawdown' };

  it('refuse a flood with when to try again, while others write, read and stop trading', async () => {
    const client = await start();
    const flood = Array.from({ length: FLOOD }, (_, i) =>
      ask(client, methods.patch, patchOf(1 + (i % 100)), as('noisy')),
    );
    const settled = Promise.allSettled(flood);
    for (let i = 1; i <= 20; i += 1) {
      await ask(client, methods.patch, patchOf(i), as('quiet'));
      await ask(client, methods.get, GetRequest.create(), as('quiet'));
    }
    await ask(client, methods.override, stop, as('noisy'));
    const outcomes = await settled;
    const passed = outcomes.filter((outcome) => outcome.status === 'fulfilled').length;
    expect(passed).to.be.within(5, FLOOD / 10);
    const refused = flood[outcomes.findIndex((outcome) => outcome.status === 'rejected')]!;
    const { code, reason, retryAfterMs } = await failure(refused);
    expect({ code, reason }).to.deep.equal({ code: status.RESOURCE_EXHAUSTED, reason: 'RATE_LIMITED' });
    expect(retryAfterMs).to.be.within(1, 200);
  });

  it('refuse one watch too many at once, and let others watch', async () => {
    const client = await start();
    const open = (name: string) =>
      keep(watch(client, {}, as(name)), (it) => {
        it.cancel();
      });
    const [first, second] = [open('noisy'), open('noisy')];
    await Promise.all([first.next(), second.next()]);
    const { code, reason, retryAfterMs } = await failure(open('noisy').next());
    expect({ code, reason }).to.deep.equal({ code: status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_WATCHERS' });
    expect(retryAfterMs).to.equal(1000);
    await open('quiet').next();
    first.cancel();
    // The place is free once the server has noticed.
    await until(async () => {
      const message = await open('noisy')
        .next()
        .catch(() => undefined);
      return message !== undefined;
    });
  });
});

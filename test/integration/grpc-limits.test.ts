import { status } from '@grpc/grpc-js';
import {
  GetRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, secure } from '../support/secured.js';
import { ask, failure, type TestServer, watch } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ACCESS = `
identities:
  '*': { roles: [operator] }
  noisy: { roles: [operator], limits: { writes_per_second: 5, watchers: 2 } }
`;
const FLOOD = 2000;

describe('limits per identity over gRPC', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let client: TestServer['client'];
  const tokens = new Map<string, string>();

  beforeEach(async () => {
    const secured = await secure(directory.path);
    for (const name of ['noisy', 'quiet']) tokens.set(name, secured.issue(name));
    replaceFile(secured.files.access, ACCESS);
    ({ client } = keep(await secured.start(), (it) => it.close()));
  });

  const as = (name: string) => bearer(tokens.get(name)!);
  const patchOf = (maxPositions: number): PatchRequest => ({
    ...PatchRequest.create(),
    patch: { ...PolicyPatch.create(), maxPositions },
  });
  const stop: OverrideRequest = { ...OverrideRequest.create(), reason: 'drawdown' };

  it('refuse a flood with when to try again, while others write, read and stop trading', async () => {
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

import { GetResponse, MemberState, OverrideResponse, WaitAppliedResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { Stop } from '../../clients/cli/src/stop/stop.js';
import { closeAfterEach } from '../support/closing.js';
import { startScriptedServer } from '../support/scripted-server.js';

const HELD = { epoch: 'e1', revision: 4 };
const COMMITTED = { epoch: 'e1', revision: 5 };

describe('the receipt of a stop', () => {
  const keep = closeAfterEach();

  /** A server that takes the stop so, and knows of these executors. */
  async function serve(pending: boolean, instances: readonly string[]): Promise<string> {
    const version = pending ? HELD : COMMITTED;
    const override = { name: 'circuit-breaker', reason: 'drawdown', pending };
    const members = instances.map((instance) => ({
      component: 'executor',
      instance,
      state: MemberState.APPLIED,
    }));
    const server = await startScriptedServer({
      override: (_, done) => done(null, OverrideResponse.fromPartial({ version, override })),
      get: (_, done) => done(null, GetResponse.fromPartial({ version, policy: { overrides: [override] } })),
      waitApplied: (_, done) =>
        done(null, WaitAppliedResponse.fromPartial({ appliedEverywhere: true, members })),
    });
    return keep(server, (it) => it.close()).address;
  }

  it('counts those of a server that has the store, also where one that has lost it answers first', async () => {
    const lonely = await serve(true, ['exec-1']);
    const other = await serve(false, ['exec-1', 'exec-2']);
    const target = { addresses: [lonely, other], namespace: 'default', name: 'operator' };
    const nothing = { answered: () => undefined, reached: () => undefined };
    const stop = new Stop('default', target, { input: { reason: 'drawdown' }, waitMs: 100 }, nothing);

    await stop.callAt(lonely);
    await stop.callAt(other);

    const reached = await stop.reached();
    expect(reached?.receipt?.members.map(({ instance }) => instance)).to.deep.equal(['exec-1', 'exec-2']);
    expect({ isPending: stop.isPending, unvouched: stop.unvouched }).to.deep.equal({
      isPending: false,
      unvouched: [],
    });
  });
});

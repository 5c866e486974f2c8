import { createServer, type AddressInfo } from 'node:net';

import { MemberState, PolicyClient, TradingState } from '@policystore/client';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { freePort, until } from '../support/process.js';
import { policyctlInTerminal, startPolicyctl } from '../support/policyctl.js';
import { startServer } from '../support/server.js';
import { worldOfEach } from './world.js';

const PATIENT = ['--wait', '30s'];

describe('policyctl stops trading and gives it back', () => {
  const keep = closeAfterEach();
  const world = worldOfEach(['--namespaces', 'default,paper']);

  async function live(instance: string, namespace = 'default') {
    const client = keep(
      new PolicyClient({ addresses: world.server.address, namespace, name: 'executor' }),
      (it) => it[Symbol.asyncDispose](),
    );
    const policy = client.live({ instance });
    await policy.ready({ deadlineMs: 30_000 });
    await until(async () => {
      const { members } = await client.fleet.list({ instances: [instance] });
      return members.some(({ state }) => state === MemberState.APPLIED);
    });
    return policy;
  }

  it('at once and without a question, and says who has stopped', async () => {
    const one = await live('exec-1');
    await live('exec-2');

    const { code, stdout, stderr } = await world.run(['trip', '--reason', 'drawdown 4 %', ...PATIENT]);

    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^default: 2 of 2 stopped in [\d.]+ m?s \(1 server\)\n$/);
    expect(stderr).to.match(new RegExp(`default at ${world.server.address}: (committed|pending)`));
    expect(one.current.tradingState).to.equal(TradingState.REDUCE_ONLY);
    expect((await world.client.get()).policy.overrides[0]).to.include({ reason: 'drawdown 4 %' });
  });

  it('also where no reason is given', async () => {
    expect((await world.run(['trip'])).code).to.equal(0);
    expect((await world.client.get()).policy.overrides[0]!.reason).to.include('by hand');
  });

  it('whatever was given as a reason, and whatever is stricter in force under its name', async () => {
    await world.client.override({ limits: { maxPositions: 2 }, reason: 'thin' });
    for (const reason of ['', ' \n', `${'x'.repeat(1023)}\u{1f6d1} and on`]) {
      const { code, stderr } = await world.run(['trip', '--reason', reason]);
      expect(code, stderr).to.equal(0);
    }
    const { tradingState, maxPositions, overrides } = (await world.client.get()).policy;
    expect({ tradingState, maxPositions }).to.deep.equal({
      tradingState: TradingState.REDUCE_ONLY,
      maxPositions: 2,
    });
    expect(overrides).to.have.lengthOf(1);
  });

  it('and names who rejected it, who is silent, and when they are safe: exit 6', async () => {
    await live('exec-1');
    (await live('exec-7')).on('change', () => {
      throw new Error('no broker');
    });
    (await live('exec-9')).on('change', () => new Promise(() => undefined));

    const { code, stdout } = await world.run(['trip', '--wait', '700ms']);

    expect(code).to.equal(6);
    const line =
      /^default: 1 of 3 stopped in [\d.]+ m?s \(1 server\); exec-7 rejected \(no broker\), safe in [\d.]+ s; exec-9 silent, safe in [\d.]+ s\n$/;
    expect(stdout).to.match(line);
    const { stops } = JSON.parse(
      (await world.run(['trip', '--reason', 'again', '--wait', '100ms', '-o', 'json'])).stdout,
    ) as { stops: { applied: number; of: number; receipt: { applied_everywhere: boolean } }[] };
    expect(stops[0]).to.deep.include({ applied: 1, of: 3, in_force: true, pending: false });
    expect(stops[0]!.receipt.applied_everywhere).to.equal(false);
  });

  it('at every address, and one that hangs holds up nobody', async () => {
    const silent = createServer((socket) => {
      socket.on('error', () => undefined);
      keep(socket, (it) => it.destroy());
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    keep(silent, (it) => it.close());
    const hanging = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await live('exec-1');

    const trip = startPolicyctl(['trip', '--addr', `${hanging},${world.server.address}`, ...PATIENT]);
    await until(async () => trip.stdout.includes('1 of 1 stopped'));
    expect(trip.stderr).not.to.include(`default at ${hanging}`);

    const { code, stderr } = await trip.ended;
    expect(code).to.equal(0);
    expect(stderr).to.include(`default at ${hanging}: failed`);
  });

  it('and ends with 6 where one address refuses, or has another store', async () => {
    const others = [
      ['--namespaces', 'paper'],
      ['--namespaces', 'default'],
    ];
    for (const flags of others) {
      const other = keep(await startServer({ flags }), (it) => it.close());
      const { code, stderr } = await world.run([
        'trip',
        '--addr',
        `${world.server.address},${other.address}`,
      ]);
      expect(code, stderr).to.equal(6);
      expect(stderr).to.match(/the receipt says nothing of 127/);
    }
  });

  it('and fails with 5 where no address answers', async () => {
    const away = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await world.run(['trip', '--addr', away, '--deadline', '300ms']);
    expect(code).to.equal(5);
    expect(stderr).to.include(away).and.to.include('POLICY_ADDR');
  });

  it('in every namespace', async () => {
    await live('exec-1', 'paper');
    const { code, stdout } = await world.run(['trip', '--all-namespaces', ...PATIENT]);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^default: in force on 1 server/m)
      .and.to.match(/^paper: 1 of 1 stopped/m);
  });

  it('by an override of some limits and a while, shown before with --dry-run', async () => {
    await world.client.patch({ allowedSymbols: ['A', 'B'] });
    await live('exec-1');
    const ban = ['override', 'ban', 'block_symbols=B', '--ttl', '2h', '--reason', 'venue halted'];

    const trial = await world.run([...ban, '--dry-run']);
    expect(trial.code).to.equal(0);
    expect(trial.stdout).to.match(/allowed_symbols +- B/);
    expect((await world.client.get()).policy.overrides).to.deep.equal([]);

    const banned = await world.run([...ban, ...PATIENT]);
    expect(banned.code, banned.stderr).to.equal(0);
    expect(banned.stdout, 'nobody has stopped').to.match(/^default: 1 of 1 applied it in /);
    const { policy } = await world.client.get();
    expect(policy.allowedSymbols).to.deep.equal(['A']);
    expect(policy.overrides[0]!.until).to.not.equal(undefined);
    const looser = await world.run(['override', 'ban', 'block_symbols=A', '--reason', 'oops']);
    expect(looser.code).to.equal(1);
    expect(looser.stderr).to.include('OVERRIDE_LOOSENS');
    expect((await world.run(['override', 'x', 'max_positions=3'])).code, 'no reason').to.equal(2);
  });

  it('and ends it only after yes, having shown what holds then', async () => {
    await world.client.override({ reason: 'drawdown' });
    await world.client.patch({ maxPositions: 9 });

    const trial = await world.run(['restore', '--dry-run']);
    expect(trial.stdout)
      .to.match(/trading_state +REDUCE_ONLY → ACTIVE/)
      .and.to.match(/max_positions +3 → 9/);
    const unasked = await world.run(['restore', '--reason', 'all clear']);
    expect(unasked.code).to.equal(2);
    expect((await world.client.get()).policy.overrides).to.have.lengthOf(1);

    const asked = await policyctlInTerminal(['restore', '--reason', 'all clear'], 'yes', world.env);
    expect(asked.code, asked.screen).to.equal(0);
    const { policy } = await world.client.get();
    expect(policy.tradingState).to.equal(TradingState.ACTIVE);
    const unknown = await world.run(['restore', '--yes']);
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.include('OVERRIDE_UNKNOWN');
  });
});

import { formatVersion, PolicyClient } from '@policystore/client';
import { expect } from 'chai';
import { parse } from 'yaml';

import { closeAfterEach } from '../support/closing.js';
import { freePort } from '../support/process.js';
import { worldOfEach } from './world.js';

describe('policyctl reads', () => {
  const keep = closeAfterEach();
  const world = worldOfEach();

  describe('get', () => {
    it('shows what is in force, and beside it the base that an override hides', async () => {
      await world.client.patch({ maxPositions: 9, allowedSymbols: ['A'] });
      const plain = await world.run(['get']);
      expect(plain.code).to.equal(0);
      expect(plain.stdout)
        .to.match(/max_positions +9\n/)
        .and.not.to.include('\u001b');
      await world.client.override({ reason: 'drawdown' });
      const { stdout } = await world.run(['get']);
      expect(stdout).to.match(/max_positions +3 +9\n/);
      expect(stdout)
        .to.match(/trading_state +REDUCE_ONLY/)
        .and.to.include('drawdown');
      expect((await world.run(['get', '--base', 'max_positions'])).stdout).to.equal('9\n');
    });

    it('gives a script just the value of one field', async () => {
      await world.client.patch({ allowedSymbols: ['A', 'B'], oppRankings: { put: { A: 0.5 } } });
      expect((await world.run(['get', 'allowed_symbols'])).stdout).to.equal('A\nB\n');
      expect((await world.run(['get', 'opp_rankings'])).stdout).to.equal('A\t0.5\n');
      expect((await world.run(['get', 'trading_state'])).stdout).to.equal('ACTIVE\n');
    });

    it('gives JSON and YAML in the names of the contract', async () => {
      const { version } = await world.client.patch({ oppRankings: { put: { A: 0.5 } } });
      const expected = { namespace: 'default', version: formatVersion(version), view: 'EFFECTIVE' };
      const json = await world.json(['get']);
      expect(json).to.deep.include(expected);
      expect(json['policy']).to.deep.include({ risk_mode: 'NORMAL', opp_rankings: { A: 0.5 } });
      const yaml = parse((await world.run(['get', 'risk_mode', '-o', 'yaml'])).stdout) as object;
      expect(yaml).to.deep.include({ ...expected, policy: { risk_mode: 'NORMAL' } });
    });
  });

  it('diff compares what is in force, revisions, and a file', async () => {
    const { version } = await world.client.patch({ maxPositions: 9 });
    await world.client.patch({ maxPositions: 8, allowedSymbols: ['A'] });
    await world.client.override({ name: 'few', limits: { maxPositions: 2 }, reason: 'thin' });

    expect((await world.run(['diff'])).stdout).to.match(/^ +max_positions +8 → 2\n$/);
    const between = await world.json(['diff', '1', formatVersion(version)]);
    expect(between['changes']).to.deep.equal([{ path: 'max_positions', before: 5, after: 9 }]);
    const sinceThen = (await world.run(['diff', String(version.revision)])).stdout;
    expect(sinceThen)
      .to.match(/allowed_symbols +\+ A/)
      .and.to.match(/overrides\.few +\+ /);
    const file = await world.run(['diff', '-f', '-'], { input: 'max_positions: 7\nallowed_symbols: [A]\n' });
    expect(file.stdout).to.match(/max_positions +8 → 7/);
    expect((await world.run(['diff', '1', '-f', 'x.yaml'])).code).to.equal(2);
  });

  it('history names who, when, why, before and after, by filters', async () => {
    await world.client.patch({ maxPositions: 9 }, { reason: 'trending' });
    await world.client.patch({ allowedSymbols: ['A'] });
    await world.client.override({ reason: 'drawdown' });

    const all = await world.run(['history']);
    expect(all.stdout).to.match(/PATCH by msc_ai \(unverified\): trending\n +max_positions +5 → 9\n/);
    const versions = async (...args: string[]): Promise<unknown[]> =>
      ((await world.json(['history', ...args]))['changes'] as { kind: string; fields: string[] }[]).map(
        ({ kind, fields }) => [kind, ...fields].join(' '),
      );
    expect(await versions('--field', 'max_positions', '--kind', 'patch')).to.deep.equal([
      'PATCH max_positions',
    ]);
    expect(await versions('--kind', 'override,update')).to.deep.equal(['OVERRIDE']);
    expect(await versions('--actor', 'nobody')).to.deep.equal([]);
    expect(await versions('--limit', '1', '--since', '1h')).to.deep.equal(['OVERRIDE']);
    expect(await versions('--until', '2020-01-01T00:00:00Z')).to.deep.equal([]);
    expect((await world.run(['history', '--limit', '0'])).code).to.equal(2);
    expect((await world.run(['history', '--since', 'yesterday'])).code).to.equal(2);
    expect((await world.run(['history', '--kind', 'ptach'])).stderr).to.include('did you mean PATCH?');
  });

  it('at shows what was in force at a revision or a time', async () => {
    const { version } = await world.client.patch({ maxPositions: 9 });
    const { policy } = await world.client.get();
    await world.client.patch({ maxPositions: 8 });

    const then = await world.json(['at', String(version.revision)]);
    expect(then['policy']).to.include({ max_positions: 9 });
    expect(then['change']).to.deep.include({ actor: 'msc_ai', fields: ['max_positions'] });
    const time = new Date(policy.lastUpdated!.getTime() + 1).toISOString();
    expect((await world.run(['at', time])).stdout).to.match(/max_positions +[89]\n/);
    const unknown = await world.run(['at', '99']);
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.include('REVISION_UNKNOWN');
    expect((await world.run(['at', 'noon'])).code).to.equal(2);
  });

  it('validate says all that is wrong at once, and changes nothing', async () => {
    const input = 'max_positions: 500\nmax_risk_per_trade: 7\n';
    const wrong = await world.run(['validate', '-f', '-'], { input });
    expect(wrong.code).to.equal(1);
    expect(wrong.stdout).to.include('max_positions: ').and.to.include('max_risk_per_trade: ');
    const json = await world.run(['validate', '-f', '-', '-o', 'json'], { input });
    expect(JSON.parse(json.stdout)).to.deep.include({ valid: false, reason: 'VALIDATION_FAILED' });
    const right = await world.run(['validate', '-f', '-'], { input: 'max_positions: 7' });
    expect(right.code).to.equal(0);
    expect((await world.client.get()).version.revision).to.equal(1);
  });

  it('status says whether each address answers, what is in force, and 5 where none does', async () => {
    const away = `127.0.0.1:${await freePort()}`;
    await world.client.override({ reason: 'drawdown' });
    const both = await world.run(['status', '--addr', `${world.server.address},${away}`]);
    expect(both.code).to.equal(0);
    expect(both.stdout).to.include(away).and.to.include('REDUCE_ONLY').and.to.include('drawdown');
    expect(await world.json(['status'])).to.deep.include({ reachable: true, risk_mode: 'DEFENSIVE' });
    const none = await world.run(['status', '--addr', away, '--deadline', '3s', '-o', 'json']);
    expect(none.code).to.equal(5);
    expect(JSON.parse(none.stdout)).to.deep.include({ reachable: false, version: null });
    expect(none.stderr).to.include('ECONNREFUSED').and.to.include('--addr');
  });

  it('fleet lists who runs what, and wait names who does not: exit 6', async () => {
    const client = keep(new PolicyClient({ addresses: world.server.address, name: 'executor' }), (it) =>
      it[Symbol.asyncDispose](),
    );
    await client.live({ instance: 'exec-1' }).ready({ deadlineMs: 30_000 });
    const whole = await world.run(['wait', '--timeout', '30s']);
    expect(whole.code, whole.stderr).to.equal(0);
    expect(whole.stdout).to.include('1 of 1 program');
    const hanging = client.live({ instance: 'exec-9' });
    await hanging.ready({ deadlineMs: 30_000 });
    hanging.on('change', () => new Promise(() => undefined));
    const { version } = await world.client.patch({ maxPositions: 4 });

    const wait = ['wait', '--version', formatVersion(version), '--component', 'executor'];
    const { code, stderr } = await world.run([...wait, '--timeout', '300ms']);
    expect(code).to.equal(6);
    expect(stderr).to.include('exec-9 silent, safe in');
    const healthy = await world.run([...wait, '--instance', 'exec-1', '--timeout', '30s']);
    expect(healthy.code, healthy.stderr).to.equal(0);
    const fleet = await world.run(['fleet', '--component', 'executor']);
    expect(fleet.stdout)
      .to.match(/executor +exec-1 +APPLIED/)
      .and.to.match(/executor +exec-9 +PENDING/);
    const written = await world.run(['patch', 'max_positions=3', '--wait', '300ms']);
    expect(written.code).to.equal(6);
  });
});

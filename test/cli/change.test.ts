import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { formatVersion, RiskMode, View } from '@policystore/client';
import { expect } from 'chai';

import { policyctlInTerminal } from '../support/policyctl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { worldOfEach } from './world.js';

describe('policyctl changes the policy', () => {
  const world = worldOfEach(['--namespaces', 'default,paper']);
  const folder = temporaryDirectory();

  function file(content: string): string {
    const path = join(folder.path, 'file.yaml');
    writeFileSync(path, content);
    return path;
  }

  it('by assignments, with a reason, and says what changed', async () => {
    const { code, stdout, stderr } = await world.run([
      ...['patch', 'max_positions=12', 'risk_mode=aggressive', 'allowed_symbols+=SOLUSDT,BTCUSDT'],
      ...['opp_rankings.BTCUSDT=0.9', 'model_versions.lstm=v2', 'custom_params.x.y=true'],
      ...['--reason', 'volatility 1.9 %', '--yes'],
    ]);

    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^default \S+:2: 6 fields changed\n$/);
    expect(stderr).to.match(/max_positions +5 → 12/);
    const { policy } = await world.client.get();
    expect(policy.maxPositions).to.equal(12);
    expect(policy.riskMode).to.equal(RiskMode.AGGRESSIVE);
    expect(policy.allowedSymbols).to.deep.equal(['SOLUSDT', 'BTCUSDT']);
    expect(policy.oppRankings.get('BTCUSDT')).to.equal(0.9);
    expect(policy.modelVersions.get('lstm')).to.equal('v2');
    expect(JSON.stringify(policy.customParams)).to.equal('{"x":{"y":true}}');
    for await (const entry of world.client.history()) {
      expect(entry).to.include({ actor: 'operator', reason: 'volatility 1.9 %' });
      break;
    }
  });

  it('by a file or from stdin, where dictionaries merge and null removes', async () => {
    const first = 'opp_rankings: { A: 0.1, B: 0.2 }\nallowed_symbols: [A]\nrisk_mode: null\n';
    expect((await world.run(['patch', '-f', file(first), '--yes'])).code).to.equal(0);
    const input = '{"opp_rankings":{"A":null,"C":0.3},"last_updated":"2026-01-01","trading_state":"HALTED"}';
    expect((await world.run(['patch', '-f', '-', '--yes'], { input })).code).to.equal(0);

    const { policy } = await world.client.get();
    expect(Object.fromEntries(policy.oppRankings)).to.deep.equal({ B: 0.2, C: 0.3 });
    expect(policy.allowedSymbols).to.deep.equal(['A']);
  });

  it('as a whole by update, where what the file leaves out is emptied', async () => {
    await world.client.patch({ allowedSymbols: ['A'], maxPositions: 9 });
    const path = file('max_positions: 4\nallowed_strategies: [trend]\n');

    expect((await world.run(['update', '-f', path, '--yes'])).code).to.equal(0);

    const { policy } = await world.client.get();
    expect(policy).to.deep.include({ maxPositions: 4, allowedStrategies: ['trend'], allowedSymbols: [] });
  });

  it('back to the defaults, to a preset, and to an earlier revision', async () => {
    const { version } = await world.client.patch({ maxPositions: 9, maxRiskPerTrade: 0.5 });

    await world.run(['preset', 'conservative', '--yes']);
    expect((await world.client.get()).policy).to.include({ maxPositions: 5, globalMinConfidence: 0.75 });
    await world.run(['reset', '--yes']);
    expect((await world.client.get()).policy).to.include({ maxPositions: 5, globalMinConfidence: 0.7 });
    await world.run(['rollback', String(version.revision), 'max_positions', '--yes']);
    expect((await world.client.get()).policy).to.include({ maxPositions: 9, maxRiskPerTrade: 0.01 });
    await world.run(['rollback', formatVersion(version), '--yes']);
    expect((await world.client.get()).policy).to.include({ maxPositions: 9, maxRiskPerTrade: 0.5 });
  });

  it('not at all with --dry-run, which shows the diff as data', async () => {
    const before = await world.client.get();
    const commands = [
      ['patch', 'max_positions=12'],
      ['update', '-f', file('max_positions: 12')],
      ['preset', 'aggressive'],
    ];
    for (const args of commands) {
      const { code, stdout } = await world.run([...args, '--dry-run']);
      expect(code).to.equal(0);
      expect(stdout).to.match(/max_positions +5 → 1[25]/);
    }
    const data = await world.json(['patch', 'max_positions=12', '--dry-run']);
    expect(data).to.deep.include({
      changed: false,
      changes: [{ path: 'max_positions', before: 5, after: 12 }],
    });
    expect((await world.client.get()).version).to.deep.equal(before.version);
  });

  it('without a question where it only tightens', async () => {
    const { code, stderr } = await world.run(['patch', 'max_positions=3', 'risk_mode=DEFENSIVE']);
    expect(code, stderr).to.equal(0);
    expect((await world.client.get()).policy.maxPositions).to.equal(3);
  });

  it('not where it loosens, nobody can be asked, and --yes is missing', async () => {
    const { code, stdout, stderr } = await world.run(['patch', 'max_positions=6']);
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(stderr)
      .to.match(/max_positions +5 → 6/)
      .and.to.include('--yes');
    expect((await world.client.get()).policy.maxPositions).to.equal(5);
  });

  it('after yes at a terminal, and not after anything else', async () => {
    const no = await policyctlInTerminal(['patch', 'max_positions=6'], 'n', world.env);
    expect(no.code, no.screen).to.equal(1);
    expect(no.screen).to.include('not confirmed');
    expect((await world.client.get()).policy.maxPositions).to.equal(5);

    const yes = await policyctlInTerminal(['patch', 'max_positions=6'], 'y', world.env);
    expect(yes.code, yes.screen).to.equal(0);
    expect(yes.screen, 'colours').to.include('\u001b[3');
    expect((await world.client.get()).policy.maxPositions).to.equal(6);
  });

  it('not where the question would go unseen, for stderr is a file', async () => {
    const { code, screen } = await policyctlInTerminal(
      ['patch', 'max_positions=6'],
      '',
      world.env,
      '2>/dev/null',
    );
    expect({ code, screen }).to.deep.equal({ code: 2, screen: '' });
  });

  it('in the namespace that is asked for', async () => {
    const paper = { env: { POLICY_NAMESPACE: 'paper' } };
    expect((await world.run(['patch', 'max_positions=2'], paper)).stdout).to.match(/^paper /);
    expect((await world.run(['patch', 'max_positions=1', '-n', 'paper'])).code).to.equal(0);
    expect((await world.client.get()).policy.maxPositions).to.equal(5);
    const { code, stderr } = await world.run(['get', '-n', 'live']);
    expect(code).to.equal(1);
    expect(stderr).to.include('default, paper');
  });

  it('not where it was changed since the expected version: exit 3', async () => {
    const { version } = await world.client.get();
    await world.client.patch({ maxPositions: 7 });
    const expected = ['--expect-version', formatVersion(version)];

    const { code, stderr } = await world.run(['patch', 'max_positions=3', ...expected]);

    expect(code).to.equal(3);
    expect(stderr).to.include('VERSION_MISMATCH');
    expect((await world.run(['patch', 'global_min_confidence=0.9', ...expected])).code).to.equal(0);
  });

  it('and says what is wrong, all at once, and how to mend it', async () => {
    const broken = await world.run(['patch', 'max_positions=500', 'max_risk_per_trade=7', '--yes']);
    expect(broken.code).to.equal(1);
    expect(broken.stderr).to.include('max_positions: ').and.to.include('max_risk_per_trade: ');
    const misspelt = await world.run(['patch', 'max_position=3']);
    expect(misspelt.code).to.equal(2);
    expect(misspelt.stderr).to.include('did you mean max_positions?');
    const inFile = await world.run(['update', '-f', file('risk_mod: NORMAL')]);
    expect(inFile.code).to.equal(2);
    expect(inFile.stderr).to.include('did you mean risk_mode?');
    for (const args of [['patch'], ['patch', '-f', '/nowhere'], ['preset', 'wild'], ['update'], ['fly']]) {
      expect((await world.run(args)).code, args.join(' ')).to.equal(2);
    }
  });

  it('and finds nothing to do where it is so already', async () => {
    const { code, stdout } = await world.run(['patch', 'max_positions=5']);
    expect(code).to.equal(0);
    expect(stdout).to.include('nothing to change');
  });

  it('behind an override, which it names; and never replaces blindly a list that it hides', async () => {
    await world.client.patch({ allowedSymbols: ['A', 'B'] });
    await world.client.override({ name: 'ban', limits: { blockSymbols: ['B'] }, reason: 'test' });

    const refused = await world.run(['patch', 'allowed_symbols=A', '--yes']);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.include('FIELD_MASKED').and.to.include('+=');

    await world.client.override({ reason: 'drawdown' });
    const hidden = await world.run(['patch', 'max_positions=8', '--yes']);
    expect(hidden.stderr).to.include('hidden by an override until that ends: max_positions');
    const { policy } = await world.client.get({ view: View.BASE });
    expect(policy).to.deep.include({ maxPositions: 8, allowedSymbols: ['A', 'B'] });
  });
});

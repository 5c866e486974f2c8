import { TradingState } from '@policystore/client';
import { expect } from 'chai';

import { startPolicyctl } from '../support/policyctl.js';
import { until } from '../support/process.js';
import { worldOfEach } from './world.js';

describe('policyctl watch', () => {
  const world = worldOfEach();

  function watch(...args: string[]) {
    return startPolicyctl(['watch', ...args], { env: world.env });
  }

  it('prints a line for every change, with who and why, until Ctrl-C', async () => {
    const watching = watch();
    await until(async () => watching.stdout.includes('last changed'));
    await world.client.patch({ maxPositions: 9, allowedSymbols: ['A'] }, { reason: 'trending' });
    await world.client.override({ reason: 'drawdown' });
    await until(async () => watching.stdout.includes('drawdown'));
    watching.kill('SIGINT');

    const { stdout, signal } = await watching.ended;
    expect(signal, 'a shell says 130').to.equal('SIGINT');
    const [, patch, stop] = stdout.split('\n');
    expect(patch).to.match(/PATCH by msc_ai: allowed_symbols \+ A, max_positions 5 → 9 \(trending\)$/);
    expect(stop).to.include('trading_state ACTIVE → REDUCE_ONLY');
  });

  it('prints an object a line for programs, of chosen fields, and stops all the same', async () => {
    const watching = watch('max_positions', '-o', 'json');
    await until(async () => watching.stdout.includes('\n'));
    await world.client.patch({ allowedSymbols: ['A'] });
    await world.client.patch({ maxPositions: 9 });
    await world.client.override({
      name: 'halt',
      limits: { tradingState: TradingState.HALTED },
      reason: 'prices',
    });
    await until(async () => watching.stdout.includes('HALTED'));
    watching.kill('SIGINT');

    const events = (await watching.ended).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ kind }) => kind)).to.deep.equal(['snapshot', 'change', 'change']);
    expect(events[0]!['policy']).to.have.all.keys('max_positions', 'trading_state', 'overrides');
    expect(events[1]!['changes']).to.deep.equal([{ path: 'max_positions', before: 5, after: 9 }]);
    expect(events[2]).to.include({ trading_state: 'HALTED' });
  });

  it('ends quietly and well when nobody reads it any more', async () => {
    const watching = watch('--diff');
    await until(async () => watching.stdout.includes('\n'));
    watching.stopReading();
    await world.client.patch({ maxPositions: 9 });
    await world.client.patch({ maxPositions: 8 });

    const { code, stderr } = await watching.ended;
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
  });
});

import { expect } from 'chai';

import { worldOfEach } from './world.js';

/** Colours, clears the screen, and turns the direction of writing. */
const HOSTILE = '\u001b[2J\u009b31m\u202e\u2066evil';
const OBEYED = /[\u001b\u009b\u202e\u2066]/;

describe('what others wrote', () => {
  const world = worldOfEach();

  it('never reaches the terminal as something that it obeys', async () => {
    const turned = 'A\u202eB';
    await world.client.patch(
      {
        customParams: { [HOSTILE]: { [HOSTILE]: HOSTILE } },
        allowedSymbols: { add: [turned] },
        oppRankings: { put: { [turned]: 0.5 } },
        modelVersions: { put: { [turned]: turned } },
      },
      { reason: HOSTILE },
    );
    await world.client.override({ name: turned, limits: { blockSymbols: [turned] }, reason: HOSTILE });
    const commands = [
      ['get'],
      ...['custom_params', 'allowed_symbols', 'opp_rankings', 'overrides'].map((field) => ['get', field]),
      ['status'],
      ['history'],
      ['at', '2'],
      ['diff'],
      ['diff', '1'],
      ['rollback', '1', '--dry-run'],
      ['rollback', '1'],
      ['restore', turned, '--dry-run'],
      ['restore', HOSTILE],
      ['override', HOSTILE, 'max_positions=3', '--reason', 'test'],
    ];
    for (const command of commands) {
      const { stdout, stderr } = await world.run(command);
      expect(stdout + stderr, command.join(' ')).to.not.match(OBEYED);
    }
    const policy = (await world.json(['get', 'custom_params']))['policy'];
    expect(policy, 'data has it as it is').to.deep.equal({
      custom_params: { [HOSTILE]: { [HOSTILE]: HOSTILE } },
    });
  });
});

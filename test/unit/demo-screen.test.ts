import { stripVTControlCharacters } from 'node:util';

import { createView, MemberState, NO_POLICY, RiskMode, TradingState } from '@policystore/client';
import { expect } from 'chai';

import { planDay } from '../demo/market/regimes.js';
import { createRandom } from '../demo/market/random.js';
import { drawFrame } from '../demo/screen/frame.js';
import { Lines } from '../demo/screen/lines.js';
import { choosePaint, fit, plain } from '../demo/screen/paint.js';
import { Screen } from '../demo/screen/screen.js';
import type { Scene } from '../demo/screen/teller.js';
import { Tally } from '../demo/tally.js';
import { BREAKER, receipt } from '../support/demo-day.js';

const tally = new Tally();
tally.add({ executor: 'executor-1', allowed: false, codes: ['RISK_TOO_HIGH', 'TRADING_REDUCE_ONLY'] });
tally.add({ executor: 'executor-2', allowed: true, codes: [] });

const SCENE: Scene = {
  minute: 194,
  phase: planDay(createRandom(1))[0]!,
  policy: createView(
    {
      ...NO_POLICY.policy,
      riskMode: RiskMode.DEFENSIVE,
      tradingState: TradingState.REDUCE_ONLY,
      maxPositions: 3,
      allowedSymbols: ['BTCUSDT'],
      overrides: [BREAKER],
    },
    { epoch: 'e', revision: 7 },
  ),
  account: {
    equity: 987_654,
    gain: -0.0123,
    drawdown: 0.034,
    deepestDrawdown: 0.05,
    openPositions: 2,
    positions: [],
  },
  decisions: tally,
  fleet: receipt(MemberState.PENDING).members,
};

const TOLD = [{ minute: 1, who: 'safety_governor', what: 'trips' }];

describe('the screen of the demo', () => {
  it('shows the market, the policy, the account, the decisions and the fleet', () => {
    const text = drawFrame('a day', SCENE, TOLD, plain).join('\n');
    for (const part of [
      'a day',
      /12:44 {2}█{20}░{20} {2}50 %/,
      'the opening: choppy, high volatility',
      'DEFENSIVE REDUCE_ONLY',
      '3 positions',
      'revision 7',
      'circuit-breaker (drawdown)',
      'BTCUSDT',
      '987,654 (-1.2 %)',
      'drawdown 3.4 %, deepest 5.0 %',
      '1 allowed, 1 denied',
      'RISK_TOO_HIGH 1  TRADING_REDUCE_ONLY 1',
      /09:31 {2}safety_governor +trips/,
      /executor +executor-1 .* PENDING/,
    ]) {
      if (typeof part === 'string') expect(text).to.include(part);
      else expect(text).to.match(part);
    }
  });

  it('draws in place, within the terminal, and puts the cursor back', () => {
    let written = '';
    const terminal = { columns: 40, rows: 12, write: (text: string) => (written += text) };
    const screen = new Screen(terminal, 'a day', choosePaint({}));
    screen.show(SCENE);
    screen.tell(TOLD[0]!);
    screen.close();
    const [first = '', second = '', after] = written.split('\x1b[J');
    for (const frame of [first, second]) {
      const lines = frame.split('\n');
      expect(lines, 'lines that end in a newline').to.have.length(12);
      for (const line of lines) expect(stripVTControlCharacters(line).length).to.be.at.most(40);
    }
    expect(second.startsWith('\x1b[11A')).to.be.true;
    expect(first.startsWith('\x1b[?25l')).to.be.true;
    expect(after).to.equal('\x1b[?25h');
  });

  it('has no colours where NO_COLOR is set', () => {
    const painted = (environment: NodeJS.ProcessEnv) =>
      drawFrame('a day', SCENE, TOLD, choosePaint(environment)).join('\n');
    expect(painted({ NO_COLOR: '1' })).to.equal(stripVTControlCharacters(painted({})));
    expect(painted({ NO_COLOR: '' })).to.not.equal(stripVTControlCharacters(painted({})));
  });

  it('cuts a line that is too long', () => {
    expect(fit('abcdef', 6)).to.equal('abcdef');
    expect(fit('abcdef', 5)).to.equal('abcd…');
    expect(fit('\x1b[1mabcdef\x1b[22m', 6)).to.equal('\x1b[1mabcdef\x1b[22m');
  });

  it('writes a line per event where there is no terminal', () => {
    let written = '';
    const lines = new Lines((text) => (written += text));
    lines.tell(TOLD[0]!);
    lines.show(SCENE);
    lines.close();
    expect(written).to.equal('09:31  safety_governor     trips\n');
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Policy, PolicyClient, RiskMode, TradingState } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { plainPostgres } from '../support/postgres.js';
import { plainRedis } from '../support/redis.js';
import { type Outcome, runNode } from '../support/run-node.js';
import { type ServerProcess } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const FOLDER = fileURLToPath(new URL('../../clients/typescript/examples/', import.meta.url));
const EXAMPLES = readdirSync(FOLDER).filter((file) => file.endsWith('.ts'));
const PAGE = 60;

/** @param number What the file's name begins with. */
function runExample(number: number, settings: Record<string, string>, args: string[] = []): Promise<Outcome> {
  const file = EXAMPLES.find((name) => name.startsWith(`${number}-`)) ?? `${number}-`;
  return runNode(['--import=tsx', join(FOLDER, file), ...args], settings);
}

/** Every line must be in the output, in this order. */
function expectLines({ code, output }: Outcome, lines: readonly (string | RegExp)[]): void {
  let rest = output;
  for (const line of lines) {
    const at = typeof line === 'string' ? rest.indexOf(line) : rest.search(line);
    expect(at, `${String(line)} in\n${output}`).to.not.equal(-1);
    rest = rest.slice(at + 1);
  }
  expect(code, output).to.equal(0);
}

describe('the examples', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  /** What holds on a server, also for those that run it next. */
  async function policyAt(addresses: string, namespace = 'default'): Promise<Policy> {
    await using client = new PolicyClient({ addresses, namespace });
    const { policy } = await client.get({ fresh: true });
    expect(policy.overrides, 'overrides left in force').to.be.empty;
    expect(policy.tradingState).to.equal(TradingState.ACTIVE);
    return policy;
  }

  describe('on one server', () => {
    let server: ServerProcess;

    beforeEach(async () => {
      server = keep(
        await startBuiltServer({ POLICY_STORE: `sqlite:${join(directory.path, 'policy.db')}` }),
        (it) => it.stop(),
      );
    });

    const run = (number: number): Promise<Outcome> => runExample(number, { POLICY_ADDR: server.address });

    it('1 sets up a first policy, and the second time finds it', async () => {
      const lines = [
        /^Risk mode: {2}NORMAL$/m,
        'Strategies: trend, mean-reversion',
        'Trading is ACTIVE. This may be believed for 10 s.',
        'Refused: max_positions must be between 1 and 100',
        'Refused: global_min_confidence must be between 0 and 1',
      ];
      expectLines(await run(1), [/^Connected\./, /^Written as \w+:2\.$/m, ...lines]);
      expectLines(await run(1), ['It was so already: nothing was written.', ...lines]);
      expect(await policyAt(server.address)).to.deep.include({
        riskMode: RiskMode.NORMAL,
        maxRiskPerTrade: 0.01,
        maxPositions: 10,
        globalMinConfidence: 0.65,
        allowedStrategies: ['trend', 'mean-reversion'],
        allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
        oppRankings: new Map([
          ['BTCUSDT', 0.91],
          ['ETHUSDT', 0.74],
        ]),
        modelVersions: new Map([['alpha', '2.0']]),
      });
    });

    it('2 changes the risk mode and its limits together, and leaves the rest', async () => {
      await run(1);
      const before = await policyAt(server.address);
      for (const round of [1, 2]) {
        expectLines(await run(2), [
          /^Revision \d+: NORMAL -> DEFENSIVE \(volatility above 4 %\)$/m,
          'at most 0.5 % per trade',
          /^Revision \d+: DEFENSIVE -> NORMAL /m,
        ]);
        const { lastUpdated } = before;
        const after = await policyAt(server.address);
        expect({ ...after, lastUpdated }, `round ${round}`).to.deep.equal(before);
      }
    });

    it('3 ranks symbols and lets the best trade', async () => {
      const ranking = [
        /^0.95 SOLUSDT may trade$/m,
        /^0.91 BTCUSDT may trade$/m,
        /^0.74 ETHUSDT may trade$/m,
        /^0.38 XRPUSDT$/m,
        /^0.22 DOGEUSDT$/m,
      ];
      await using client = new PolicyClient({ addresses: server.address });
      await client.patch({ allowedSymbols: ['OLDUSDT'], oppRankings: { put: { OLDUSDT: 0.99 } } });
      expectLines(await run(3), ['Symbols that came: BTCUSDT', 'Symbols that went: OLDUSDT.', ...ranking]);
      expectLines(await run(3), ['Scores that changed: 1.', 'came: none.', 'went: none.', ...ranking]);
      const { allowedSymbols, oppRankings } = await policyAt(server.address);
      expect(allowedSymbols).to.have.members(['BTCUSDT', 'SOLUSDT', 'ETHUSDT']);
      expect(oppRankings).to.have.keys('BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT');
      expect(oppRankings.get('SOLUSDT')).to.equal(0.95);
    });

    it('3 ranks what is banned too, for the time after the ban', async () => {
      await using client = new PolicyClient({ addresses: server.address });
      const blockSymbols = ['OLDUSDT', 'BTCUSDT'];
      await client.patch({ allowedSymbols: blockSymbols });
      await client.override({ name: 'ban', limits: { blockSymbols }, reason: 'venue away' });
      expectLines(await run(3), ['Symbols that went: OLDUSDT.', /^0.91 BTCUSDT$/m]);
      await client.restore('ban', { reason: 'venue is back' });
      const { allowedSymbols } = await policyAt(server.address);
      expect(allowedSymbols).to.have.members(['BTCUSDT', 'SOLUSDT', 'ETHUSDT']);
    });

    it('4 promotes the model that wins, once', async () => {
      expectLines(await run(4), [
        'alpha: 2.1 replaces nothing in production.',
        'beta: 0.9 stays in the shadow, 0.88 against 0.97.',
        /^ {2}\S+Z revision 2 by continuous_learning: shadow 1.42 against 1.31$/m,
      ]);
      expectLines(await run(4), [
        'alpha: 2.1 is in production already.',
        'by continuous_learning: shadow 1.42',
      ]);
      expect((await policyAt(server.address)).modelVersions).to.deep.equal(new Map([['alpha', '2.1']]));
    });

    it('5 decides on a live policy, a stop included', async () => {
      await using client = new PolicyClient({ addresses: server.address });
      for (const round of [1, 2]) {
        const run5 = await run(5);
        const decisions = (buy: string, much: string): RegExp[] => [
          new RegExp(`^ {2}buy BTCUSDT: ${buy}$`, 'm'),
          new RegExp(`^ {2}buy too much: ${much}RISK_TOO_HIGH, MAX_POSITIONS_REACHED$`, 'm'),
          /^ {2}sell all: allowed$/m,
        ];
        expectLines(run5, [
          ...[/^Trading, by \w+:\d+:$/m, ...decisions('allowed', '')],
          'Told: trading is REDUCE_ONLY (drawdown 4 %).',
          ...['Stopped everywhere, by', ...decisions('TRADING_REDUCE_ONLY', 'TRADING_REDUCE_ONLY, ')],
          'Told: trading is ACTIVE (all clear).',
          ...['Trading again, by', ...decisions('allowed', '')],
          ...['Out of touch, by', ...decisions('POLICY_STALE', 'POLICY_STALE, ')],
          ...['Asked for, by', ...decisions('allowed', '')],
        ]);
        const { allowedStrategies, allowedSymbols } = await policyAt(server.address);
        expect([allowedStrategies, allowedSymbols], `round ${round}`).to.deep.equal([['trend'], ['BTCUSDT']]);
        expect((await client.fleet.list({ components: ['executor'] })).members, 'has left').to.be.empty;
      }
    });

    it('6 promotes and demotes strategies, and loses none to a race', async () => {
      await run(1);
      for (const round of [1, 2]) {
        expectLines(await run(6), [
          /^Three generators at once promoted: (?=.*gen-1)(?=.*gen-2)(?=.*gen-3)/m,
          /^Revision \d+ demoted gen-1 and promoted gen-4: (?!.*gen-1).*gen-4\.$/m,
          'Promoted again: no new revision.',
          /^Demoted: gen-2, gen-3, gen-4\. Left: none\.$/m,
        ]);
        const { allowedStrategies } = await policyAt(server.address);
        expect(allowedStrategies, `round ${round}`).to.deep.equal(['trend', 'mean-reversion']);
      }
    });

    it('7 runs through a day, with a stop that every executor applied', async () => {
      const stopped = 'TRADING_REDUCE_ONLY, STRATEGY_NOT_ALLOWED';
      for (const round of [1, 2]) {
        expectLines(await run(7), [
          /^symbols ranked\. Buy: allowed$/m,
          /^trending, low volatility: AGGRESSIVE\. Buy: allowed$/m,
          /^equity 99000, drawdown 2\.0 %\. Buy: allowed$/m,
          `equity 96500, drawdown 4.5 %. Buy: ${stopped}\n`,
          /^STOPPED, everywhere\. Sell: allowed$/m,
          `choppy, high volatility: DEFENSIVE. Buy: ${stopped}, RISK_TOO_HIGH\n`,
          `equity 99500, drawdown 1.5 %. Buy: ${stopped}, RISK_TOO_HIGH\n`,
          'equity 100200, drawdown 0.8 %. Buy: RISK_TOO_HIGH\n',
          /^ranging, normal volatility: NORMAL\. Buy: allowed$/m,
        ]);
        expect(await policyAt(server.address), `round ${round}`).to.deep.include({
          riskMode: RiskMode.NORMAL,
          maxRiskPerTrade: 0.01,
          maxPositions: 10,
          allowedStrategies: ['trend'],
          allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
        });
      }
    });
  });

  describe('8, of the backends', () => {
    const namespace = 'backend-example';

    it('does the same on SQLite, Redis and PostgreSQL', async () => {
      const redis = keep(await plainRedis(), (it) => it.close());
      const postgres = keep(await plainPostgres(), (it) => it.close());
      const stores = [`sqlite:${join(directory.path, 'policy.db')}`, redis.url, postgres.url];
      const lines = ['sqlite:', 'redis:', 'postgres:'].flatMap((store) => [
        `A server with POLICY_STORE=${store}…`,
        '  7 positions, in BTCUSDT.',
      ]);
      expectLines(await runExample(8, {}, stores), lines);
      expectLines(await runExample(8, {}, stores), lines);
      for (const store of stores) {
        const server = await startBuiltServer({ POLICY_STORE: store, POLICY_NAMESPACES: namespace });
        try {
          expect(await policyAt(server.address, namespace)).to.deep.include({
            maxPositions: 7,
            allowedSymbols: ['BTCUSDT'],
          });
        } finally {
          await server.stop();
        }
      }
    });

    it('needs no store to begin with, and leaves nothing behind', async () => {
      const settings = { TMPDIR: directory.path };
      expectLines(await runExample(8, settings), ['POLICY_STORE=sqlite:…', '  7 positions, in BTCUSDT.']);
      expect(readdirSync(directory.path).filter((name) => !name.startsWith('tsx-'))).to.be.empty;
    });

    it('says what is wrong where a store is away', async () => {
      const { code, output } = await runExample(8, {}, ['redis://127.0.0.1:1']);
      expect(output).to.include('Redis at 127.0.0.1:1 cannot be reached (ECONNREFUSED): start it');
      expect(code).to.equal(1);
    });
  });

  it('are what an outside user can write, with its types', async () => {
    const { code, output } = await runNode(['node_modules/typescript/bin/tsc', '-p', FOLDER, '--noEmit']);
    expect(output).to.equal('');
    expect(code).to.equal(0);
    for (const file of EXAMPLES) {
      const imported = [...readFileSync(join(FOLDER, file), 'utf8').matchAll(/ from '([^']+)'/g)];
      expect(imported, file).to.not.be.empty;
      for (const [, name = ''] of imported) expect(name, file).to.match(/^(@policystore\/client|node:\w+)$/);
    }
  });

  it('are a page each, and say how to run them', () => {
    for (const file of EXAMPLES) {
      const lines = readFileSync(join(FOLDER, file), 'utf8').trimEnd().split('\n');
      expect(lines.length, file).to.be.at.most(PAGE);
      const header = lines.slice(
        0,
        lines.findIndex((line) => !line.startsWith('//')),
      );
      expect(header.length, file).to.be.within(2, 6);
      expect(header.join('\n'), file).to.include(`npx tsx clients/typescript/examples/${file}`);
    }
  });

  it('are all in the list of examples', () => {
    const list = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    for (const file of EXAMPLES) expect(list).to.include(`](${file})`);
  });
});

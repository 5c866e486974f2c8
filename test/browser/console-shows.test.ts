import { expect } from 'chai';
import type { Page } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

const POLICY = {
  risk_mode: 'NORMAL',
  max_positions: 10,
  allowed_strategies: ['momentum', 'mean_reversion'],
  allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
  opp_rankings: { BTCUSDT: 0.9, ETHUSDT: 0.4 },
  model_versions: { trend: 'v7' },
  system_health: { exchange: { latency_ms: 12 } },
  custom_params: { leverage: 2 },
};

describe('the console shows', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    world = keep(await ConsoleWorld.start({ executors: 2 }), (opened) => opened.close());
  });

  beforeEach(async () => {
    await world.patch(POLICY, 'the day begins');
  });

  async function open(view?: string): Promise<Page> {
    const page = await pages.open(world.url(view));
    await page.getByLabel('Namespace').selectOption(world.namespace);
    await page.getByRole('navigation').waitFor();
    return page;
  }

  it('what is in force, and who wrote it', async () => {
    const page = await open();

    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();
    await page.getByTestId('risk-mode').filter({ hasText: 'NORMAL' }).waitFor();
    await page.getByTestId('max_positions').filter({ hasText: '10' }).waitFor();
    const text = await page.getByRole('main').innerText();
    for (const shown of ['momentum', 'BTCUSDT', '0.900', 'trend', 'v7', 'latency_ms', 'leverage']) {
      expect(text).to.include(shown);
    }
    await page.getByText('controller').first().waitFor();
    await page.getByText('“the day begins”').first().waitFor();
  });

  it('a change of another program at once, without being asked again', async () => {
    const page = await open();
    await page.getByTestId('max_positions').filter({ hasText: '10' }).waitFor();

    await world.patch({ max_positions: 4, opp_rankings: { SOLUSDT: 0.95 } }, 'less');

    await page.getByTestId('max_positions').filter({ hasText: '4' }).waitFor();
    await page.getByText('SOLUSDT').waitFor();
    await page.getByText('patch by controller – “less”').waitFor();
    const { last_updated: changed } = (await world.policy('effective')) as { last_updated: string };
    await page.locator(`.posture-foot time[datetime="${new Date(`${changed}Z`).toISOString()}"]`).waitFor();
  });

  it('base beside effective under an override, and who holds it until when', async () => {
    const page = await open();
    const body = {
      name: 'lunch',
      limits: { trading_state: 'REDUCE_ONLY', max_positions: 2, block_symbols: ['ETHUSDT'] },
      reason: 'thin book',
      ttl_seconds: 3600,
    };

    await world.request('POST', '/overrides', body);

    await page.getByTestId('trading-state').filter({ hasText: 'REDUCE ONLY' }).waitFor();
    await page.getByTestId('max_positions').filter({ hasText: '2' }).waitFor();
    const limits = page.getByRole('region', { name: 'Limits' });
    await limits.getByText('base 10').waitFor();
    await limits.getByText('held by an override').waitFor();
    const overrides = page.getByRole('region', { name: 'Overrides in force' });
    await overrides.getByText('“thin book” – controller').waitFor();
    await overrides.getByText(/ends in 5\d min/).waitFor();
    await page.getByText('ETHUSDT blocked by an override').waitFor();

    await world.request('DELETE', '/overrides/lunch', undefined, { 'X-Policy-Reason': 'over' });
    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();
  });

  it('another namespace when it is chosen', async () => {
    const page = await open();

    await page.getByLabel('Namespace').selectOption(`${world.namespace}-paper`);

    await page.getByText(`in ${world.namespace}-paper`).waitFor();
    await page.getByText('No strategy may open positions.').waitFor();
  });

  it('the fleet: who is there, what each runs', async () => {
    const page = await open('fleet');

    for (const instance of ['exec-1', 'exec-2']) {
      const row = page.getByRole('row').filter({ hasText: `executor/${instance}` });
      await row.getByText('applied').waitFor();
    }
    await page.getByRole('button', { name: /^applied/ }).click();
    await page.getByLabel('Search the fleet').fill('exec-2');
    expect(await page.getByRole('row').filter({ hasText: 'executor/' }).count()).to.equal(1);
  });

  it('who rejected a version, and why', async () => {
    const executor = await world.addExecutor('exec-stubborn');
    executor.on('change', (next) => {
      if (next.maxPositions === 7) throw new Error('seven is too many');
    });
    const page = await open('fleet');

    await world.patch({ max_positions: 7 });

    const row = page.getByRole('row').filter({ hasText: 'exec-stubborn' });
    await row.getByText('rejected').waitFor();
    await row.getByText('seven is too many').waitFor();
    await world.patch({ max_positions: 8 });
    await row.getByText('applied').waitFor();
  });
});

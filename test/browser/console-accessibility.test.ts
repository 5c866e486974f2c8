import { expect } from 'chai';
import type { Page } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { violations } from './support/axe.js';
import { PHONE, useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

const VIEWS = ['overview', 'policy', 'rankings', 'stops', 'history', 'fleet'];
const POLICY = {
  risk_mode: 'AGGRESSIVE',
  max_positions: 10,
  allowed_strategies: [
    'momentum',
    'a_strategy_with_a_name_that_is_much_longer_than_any_screen_of_a_phone_is_wide',
  ],
  allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
  opp_rankings: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`SYM${i}`, i / 300])),
  model_versions: { 'trend-following-ensemble-of-many-models': 'registry/models/2026-11-29T06-42/v7' },
  system_health: { exchange: { latency_ms: 12, note: 'x'.repeat(120) } },
  custom_params: { leverage: 2 },
};

describe('for everybody the console', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    world = keep(await ConsoleWorld.start({ executors: 2 }), (opened) => opened.close());
    await world.patch(POLICY, 'the day begins');
    await world.request('POST', '/overrides', {
      name: 'lunch',
      limits: { trading_state: 'REDUCE_ONLY', max_positions: 2, block_symbols: ['ETHUSDT'] },
      reason: 'thin book',
    });
  });

  async function show(view: string, colorScheme: 'light' | 'dark', viewport?: typeof PHONE): Promise<Page> {
    const page = await pages.open(world.url(view), {
      colorScheme,
      ...(viewport === undefined ? {} : { viewport }),
    });
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('Live').waitFor();
    await ready(page, view);
    return page;
  }

  async function ready(page: Page, view: string): Promise<void> {
    if (view === 'history') await page.locator('canvas').nth(4).waitFor();
    if (view === 'fleet') await page.getByRole('row').nth(2).waitFor();
  }

  for (const scheme of ['light', 'dark'] as const) {
    it(`breaks no serious rule of accessibility in any view, ${scheme}`, async () => {
      const page = await show('overview', scheme);
      for (const view of VIEWS) {
        await page.evaluate(`location.hash = '#/${view}'`);
        await page
          .getByRole('link', { name: new RegExp(`^${view}`, 'i') })
          .and(page.locator('[aria-current=page]'))
          .waitFor();
        await ready(page, view);
        expect(await violations(page), view).to.deep.equal([]);
      }
    });

    it(`breaks none in its dialogs, ${scheme}`, async () => {
      const page = await show('policy', scheme);
      await page.getByRole('textbox', { name: 'Positions' }).fill('600');
      await page.getByText('must be between 1 and 100').waitFor();
      expect(await violations(page), 'an error').to.deep.equal([]);
      await page.getByRole('textbox', { name: 'Positions' }).fill('6');
      await page.getByRole('button', { name: 'Review…' }).click();
      await page.getByText('an override holds it').last().waitFor();
      expect(await violations(page), 'review').to.deep.equal([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Presets and reset…' }).click();
      await page.getByRole('row').filter({ hasText: 'momentum' }).waitFor();
      expect(await violations(page), 'reset').to.deep.equal([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Stop…' }).click();
      await page.getByLabel('Reason').fill('looks');
      await page.getByRole('button', { name: 'Arm' }).click();
      expect(await violations(page), 'stop').to.deep.equal([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Account/ }).click();
      expect(await violations(page), 'account').to.deep.equal([]);
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: 'Stops' }).click();
      await page.getByRole('button', { name: /^Restore/ }).click();
      expect(await violations(page), 'restore').to.deep.equal([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Ban a symbol…' }).click();
      expect(await violations(page), 'ban').to.deep.equal([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Limit for a while…' }).click();
      expect(await violations(page), 'limit').to.deep.equal([]);
    });
  }

  it('never scrolls sideways on a phone', async () => {
    const page = await show('overview', 'light', PHONE);
    for (const view of VIEWS) {
      await page.evaluate(`location.hash = '#/${view}'`);
      await ready(page, view);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect(width, view).to.equal(PHONE.width);
    }
    await page.getByRole('button', { name: 'Stop…' }).click();
    expect(await page.evaluate(`document.querySelector('dialog').scrollWidth <= innerWidth`)).to.equal(true);
  });

  it('is dark or light as one likes, whatever the system says, and remembers it', async () => {
    const page = await show('overview', 'light');
    const background = (): Promise<string> =>
      page.evaluate(`getComputedStyle(document.documentElement).backgroundColor`);
    const light = await background();

    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('radio', { name: 'dark' }).check();
    const dark = await background();
    expect(dark).not.to.equal(light);
    await page.reload();
    await page.getByText('Live').waitFor();
    expect(await background()).to.equal(dark);
  });

  it('can be stopped by keyboard alone', async () => {
    const page = await show('overview', 'light');
    const focused = (): Promise<string> =>
      page.evaluate(`document.activeElement.textContent.trim() || document.activeElement.id`);
    const tabTo = async (text: string): Promise<void> => {
      for (let i = 0; i < 40; i += 1) {
        await page.keyboard.press('Tab');
        if ((await focused()) === text) return;
      }
      throw new Error(`Tab never came to ${text}`);
    };

    await page.keyboard.press('Tab');
    expect(await focused()).to.equal('Skip to content');
    expect(await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).to.equal('solid');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).to.equal('main');
    await page.evaluate('document.activeElement.blur()');
    await tabTo('Stop…');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo('trip-reason');
    await page.keyboard.type('by keyboard');
    await tabTo('Arm');
    await page.keyboard.press('Enter');
    await page.getByText('Armed.').waitFor();
    expect(await focused()).to.equal('Back');
    await tabTo('Stop opening now');
    await page.keyboard.press('Enter');

    await page.getByText(/^everywhere in /).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await focused()).to.equal('Stop…');
    await world.request('DELETE', '/overrides/circuit-breaker', undefined, { 'X-Policy-Reason': 'over' });
  });
});

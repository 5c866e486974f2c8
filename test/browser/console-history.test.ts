import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

describe('in the history of the console', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    world = keep(await ConsoleWorld.start(), (opened) => opened.close());
    await world.request('PUT', '', { max_positions: 10, allowed_symbols: ['BTCUSDT', 'ETHUSDT'] });
    await world.request(
      'PATCH',
      '',
      { max_positions: 12 },
      { 'X-Policy-Client': 'anna', 'X-Policy-Reason': 'more' },
    );
    await world.patch({ opp_rankings: { BTCUSDT: 0.9 } }, 'ranked');
    await world.request('POST', '/overrides', {
      name: 'lunch',
      limits: { max_positions: 2 },
      reason: 'thin',
    });
    await world.request('DELETE', '/overrides/lunch', undefined, { 'X-Policy-Reason': 'back' });
    await world.patch({ allowed_symbols: ['BTCUSDT'], risk_mode: 'DEFENSIVE' }, 'calm');
  });

  const dialog = (page: Page): Locator => page.getByRole('dialog');
  const lines = (page: Page): Locator =>
    page.getByRole('region', { name: 'Changes' }).locator('.change-line');

  it('every change opens to who, why, before and after', async () => {
    const page = await pages.open(world.url('history'));
    const line = lines(page).filter({ hasText: '“more”' });

    await line.click();

    expect(await line.getAttribute('aria-expanded')).to.equal('true');
    expect(await line.innerText()).to.match(/patch[\s\S]*anna[\s\S]*Positions/);
    await page
      .getByRole('row')
      .filter({ hasText: /Positions.*10.*12/s })
      .waitFor();
    await lines(page).filter({ hasText: '“thin”' }).click();
    await page.getByText('In force from here').waitFor();
    await page.getByText('lunch at most 2 positions').waitFor();
  });

  it('filters leave what was asked for', async () => {
    const page = await pages.open(world.url('history'));
    await lines(page).filter({ hasText: '“calm”' }).waitFor();

    await page.getByLabel('Actor').fill('anna');
    await lines(page).filter({ hasText: '“calm”' }).waitFor({ state: 'detached' });
    expect(await lines(page).count()).to.equal(1);
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Kind').selectOption('restore');
    await lines(page).filter({ hasText: '“calm”' }).waitFor({ state: 'detached' });
    expect(await lines(page).allInnerTexts()).to.have.lengthOf(1);
    await page.getByLabel('Kind').selectOption('any');
    await page.getByLabel('Field').selectOption('Rankings');
    await lines(page).filter({ hasText: '“calm”' }).waitFor({ state: 'detached' });
    await lines(page).filter({ hasText: '“ranked”' }).waitFor();
    await page.getByLabel(/^To /).fill('2020-01-01T00:00');
    await page.getByText('No change matches.').waitFor();
  });

  it('the course of modes and limits is drawn, under a name that says it in words', async () => {
    const page = await pages.open(world.url('history'));

    const positions = page.getByRole('img', { name: /^Positions: now 12, changed [1-9]/ });
    await positions.locator('canvas').waitFor();
    await page.getByRole('img', { name: /^Risk mode: now DEFENSIVE/ }).waitFor();
    await world.patch({ max_positions: 11 }, 'live');
    await page.getByRole('img', { name: /^Positions: now 11/ }).waitFor();
    await page.getByRole('button', { name: '1 hour' }).click();
    await world.patch({ max_positions: 12 }, 'live');
    await page.getByRole('img', { name: /^Positions: now 12/ }).waitFor();
  });

  it('a rollback shows what it would do, takes only the fields that were chosen, and is a change of its own', async () => {
    const page = await pages.open(world.url('history'));
    await lines(page).filter({ hasText: '“more”' }).click();
    await page.getByRole('button', { name: 'Roll back to this…' }).click();

    await dialog(page)
      .getByRole('row')
      .filter({ hasText: /Risk mode.*looser.*DEFENSIVE.*NORMAL/s })
      .waitFor();
    await dialog(page).getByLabel('Risk mode').uncheck();
    await dialog(page).getByLabel('Rankings').uncheck();
    await dialog(page).getByRole('row').filter({ hasText: 'Risk mode' }).waitFor({ state: 'detached' });
    await dialog(page).getByRole('row').filter({ hasText: 'ETHUSDT' }).waitFor();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('symbols as before');
    await dialog(page).getByRole('button', { name: 'Roll back' }).click();
    await dialog(page).waitFor({ state: 'detached' });

    expect(await world.policy()).to.deep.include({
      risk_mode: 'DEFENSIVE',
      allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
      opp_rankings: { BTCUSDT: 0.9 },
    });
    await lines(page).filter({ hasText: '“symbols as before”' }).filter({ hasText: 'rollback' }).waitFor();
  });
});

import { expect } from 'chai';
import type { Locator } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

describe('the story of an operator, by the console alone', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    world = keep(await ConsoleWorld.start({ executors: 4 }), (opened) => opened.close());
    await world.patch({ allowed_strategies: ['momentum'], allowed_symbols: ['BTCUSDT'], max_positions: 10 });
  });

  it('what is in force, a limit changed, seen everywhere, a stop, a restore, who changed what, and back', async () => {
    const page = await pages.open(world.url());
    const dialog = page.getByRole('dialog');
    const go = (view: string): Promise<void> => page.getByRole('link', { name: view }).click();
    const tells = (text: RegExp): Promise<void> => page.getByRole('status').getByText(text).last().waitFor();
    const positions = page.getByTestId('max_positions');

    // What is in force? And a name for the history.
    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();
    await positions.filter({ hasText: '10' }).waitFor();
    await page.getByRole('button', { name: /^Account/ }).click();
    await dialog.getByLabel('Your name in the history').fill('anna');
    await dialog.getByRole('button', { name: 'Use' }).click();
    await dialog.getByText('Called anna').waitFor();
    await page.keyboard.press('Escape');

    // A limit is changed, and runs everywhere: four executors, two replicas.
    await go('Policy');
    await page.getByRole('textbox', { name: 'Positions' }).fill('6');
    await page.getByRole('button', { name: 'Review…' }).click();
    await dialog.getByLabel(/^Reason/).fill('fewer at lunch');
    await dialog.getByRole('button', { name: /^Save in/ }).click();
    await tells(/^All 6 members of the fleet run it/);
    for (const executor of world.executors) expect(executor.current.maxPositions).to.equal(6);
    await go('Fleet');
    await page.getByRole('button', { name: 'applied 6' }).waitFor();

    // A stop, everywhere; and a restore.
    await page.getByRole('button', { name: 'Stop…' }).click();
    await dialog.getByLabel('Reason').fill('flash crash');
    await dialog.getByRole('button', { name: 'Arm' }).click();
    await dialog.getByRole('button', { name: 'Stop opening now' }).click();
    await dialog.getByText('6 of 6').waitFor();
    await dialog.getByText(/^everywhere in/).waitFor();
    await page.keyboard.press('Escape');
    await go('Stops');
    await page.getByRole('button', { name: /^Restore/ }).click();
    await dialog.getByLabel(/^Reason/).fill('calm again');
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await tells(/circuit-breaker is restored/);

    // Who changed what? And back to what it was before.
    await go('History');
    const line = (text: string): Locator => page.locator('.change-line').filter({ hasText: text });
    await line('“flash crash”').filter({ hasText: 'anna' }).waitFor();
    await line('“fewer at lunch”').filter({ hasText: 'anna' }).click();
    await page
      .getByRole('row')
      .filter({ hasText: /Positions.*10.*6/s })
      .waitFor();
    await line('controller').first().click();
    await page.getByRole('button', { name: 'Roll back to this…' }).last().click();
    await dialog
      .getByRole('row')
      .filter({ hasText: /Positions.*6.*10/s })
      .waitFor();
    await dialog.getByLabel(/^Reason/).fill('lunch is over');
    await dialog.getByRole('button', { name: 'Roll back' }).click();
    await dialog.waitFor({ state: 'detached' });
    await line('“lunch is over”').filter({ hasText: 'rollback' }).waitFor();
    await go('Overview');
    await positions.filter({ hasText: '10' }).waitFor();
    expect(await world.policy('effective')).to.deep.include({ max_positions: 10, trading_state: 'ACTIVE' });
  });
});

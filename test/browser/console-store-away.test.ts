import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';

import { closeAfterEach } from '../support/closing.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startServer } from '../support/server.js';
import { useBrowser } from './support/browser.js';

describe('while the store is away, with the console an operator', () => {
  // First: its pages go before the servers that they speak to.
  const pages = useBrowser();
  const keep = closeAfterEach();

  const dialog = (page: Page): Locator => page.getByRole('dialog');

  it('stops trading at once, sees that the store does not know it yet, and then that it does', async () => {
    const redis: RedisServer = keep(await startRedis(), (server) => server.close());
    const flags = ['--lease', '3s'];
    const server = keep(await startServer({ store: redis.url, flags }), (started) => started.close());
    const page = await pages.open(`http://${server.httpAddress}/`, { expected: /status of (503|412)/ });
    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();
    await redis.kill();
    await page.getByRole('alert').filter({ hasText: 'Not to be believed.' }).waitFor();

    await page.getByRole('button', { name: 'Stop…' }).click();
    await dialog(page).getByLabel('Reason').fill('nothing answers');
    await dialog(page).getByRole('button', { name: 'Arm' }).click();
    await dialog(page).getByRole('button', { name: 'Stop opening now' }).click();

    await dialog(page).getByText('the store is away, and gets it when it returns').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('in force here, not yet in the store').waitFor();
    await redis.restart();
    await page.getByText('in force here, not yet in the store').waitFor({ state: 'detached' });
    await page.getByText('“nothing answers” –').waitFor();
    await page.getByText('Not to be believed.').waitFor({ state: 'detached' });
    await page.getByTestId('trading-state').filter({ hasText: 'REDUCE ONLY' }).waitFor();
  });

  it('reads why a change cannot be written, keeps it, and writes it when the store is back', async () => {
    const redis: RedisServer = keep(await startRedis(), (server) => server.close());
    const server = keep(await startServer({ store: redis.url }), (started) => started.close());
    const page = await pages.open(`http://${server.httpAddress}/#/policy`, {
      expected: /status of (503|412)/,
    });
    await page.getByRole('textbox', { name: 'Positions' }).fill('9');
    await redis.kill();

    await page.getByRole('button', { name: 'Review…' }).click();
    await dialog(page).getByRole('alert').filter({ hasText: /store/ }).waitFor();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('later');
    await redis.restart();
    const saved = page.getByText('Saved: Positions');
    while (!(await saved.isVisible())) {
      await dialog(page)
        .getByRole('button', { name: /^Save in/ })
        .click();
      await saved
        .or(dialog(page).getByRole('alert').filter({ hasText: /\w/ }))
        .first()
        .waitFor();
    }

    const answer = (await (await fetch(`http://${server.httpAddress}/api/policy`)).json()) as {
      policy: { max_positions: number };
    };
    expect(answer.policy.max_positions).to.equal(9);
  });
});

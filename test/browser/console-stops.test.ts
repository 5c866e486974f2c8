import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';

import { TradingState } from '@policystore/client';

import { closeAfterAll } from '../support/closing.js';
import { until } from '../support/process.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

const POLICY = {
  risk_mode: 'NORMAL',
  max_positions: 10,
  allowed_strategies: ['momentum'],
  allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
};

interface Held {
  readonly name: string;
  readonly limits: Record<string, unknown>;
  readonly reason: string;
  readonly until: string | null;
}

describe('with the console an operator', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    world = keep(await ConsoleWorld.start({ executors: 3 }), (opened) => opened.close());
  });

  beforeEach(async () => {
    for (const { name } of await overrides()) {
      await world.request('DELETE', `/overrides/${name}`, undefined, { 'X-Policy-Reason': 'next' });
    }
    await world.request('PUT', '', POLICY);
  });

  const dialog = (page: Page): Locator => page.getByRole('dialog');

  async function overrides(): Promise<readonly Held[]> {
    const { overrides: held } = (await world.request('GET', '/overrides')) as { overrides: Held[] };
    return held;
  }

  it('stops trading in two deliberate steps, and watches it reach every executor', async () => {
    const page = await pages.open(world.url());
    await page.getByRole('button', { name: 'Stop…' }).click();
    const arm = dialog(page).getByRole('button', { name: 'Arm' });
    expect(await arm.isDisabled()).to.equal(true);

    await dialog(page).getByLabel('Reason').fill('drawdown 4 %');
    await arm.click();
    expect(await overrides()).to.deep.equal([]);
    await dialog(page).getByText('Armed.').waitFor();
    await dialog(page).getByRole('button', { name: 'Stop opening now' }).click();

    // Three executors and two replicas.
    await dialog(page).getByTestId('receipt').filter({ hasText: '5 of 5' }).waitFor();
    await dialog(page)
      .getByText(/^everywhere in /)
      .waitFor();
    for (const executor of world.executors)
      expect(executor.current.tradingState).to.equal(TradingState.REDUCE_ONLY);
    await dialog(page).getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByTestId('trading-state').filter({ hasText: 'REDUCE ONLY' }).waitFor();
    const [breaker] = await overrides();
    expect(breaker).to.deep.include({ name: 'circuit-breaker', reason: 'drawdown 4 %', until: null });
  });

  it('does not trip by pressing Enter twice', async () => {
    const page = await pages.open(world.url());
    await page.getByRole('button', { name: 'Stop…' }).click();
    await dialog(page).getByLabel('Reason').fill('a slip');

    await page.keyboard.press('Enter');
    await dialog(page).getByText('Armed.').waitFor();
    await page.keyboard.press('Enter');

    await dialog(page).getByRole('button', { name: 'Arm' }).waitFor();
    expect(await overrides()).to.deep.equal([]);
  });

  it('stops again for the same reason after somebody else has restored', async () => {
    const page = await pages.open(world.url());
    const stop = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Stop…' }).click();
      await dialog(page).getByLabel('Reason').fill('drawdown');
      await dialog(page).getByRole('button', { name: 'Arm' }).click();
      await dialog(page).getByRole('button', { name: 'Stop opening now' }).click();
      await dialog(page).getByRole('heading', { name: 'Stopped' }).waitFor();
      await page.keyboard.press('Escape');
    };
    await stop();
    await page.getByTestId('trading-state').filter({ hasText: 'REDUCE ONLY' }).waitFor();
    await world.request('DELETE', '/overrides/circuit-breaker', undefined, { 'X-Policy-Reason': 'over' });
    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();

    await stop();

    expect((await overrides()).map(({ name }) => name)).to.deep.equal(['circuit-breaker']);
  });

  it('is told when no answer to a stop comes, may not close that, and stops by trying again', async () => {
    const page = await pages.open(world.url());
    // Never answered.
    await page.route('**/api/policy/overrides?*', () => undefined);
    await page.getByRole('button', { name: 'Stop…' }).click();
    await dialog(page).getByLabel('Reason').fill('silence');
    await dialog(page).getByRole('button', { name: 'Arm' }).click();
    await dialog(page).getByRole('button', { name: 'Stop opening now' }).click();
    await dialog(page).getByRole('button', { name: 'Stopping …' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');

    await dialog(page).getByRole('alert').filter({ hasText: 'No answer came in time.' }).waitFor();
    await dialog(page).getByText('Trading may not have stopped.').waitFor();
    await page.unroute('**/api/policy/overrides?*');
    await dialog(page).getByRole('button', { name: 'Stop opening now' }).click();

    await dialog(page).getByRole('heading', { name: 'Stopped' }).waitFor();
    expect(await overrides()).to.have.length(1);
  });

  it('stops what the title says, though a switch to another namespace is answered meanwhile', async () => {
    const page = await pages.open(world.url());
    let answer: (() => void) | undefined;
    await page.route(`**/api/policy/access?namespace=${world.namespace}-paper`, (route) => {
      answer = () => void route.continue();
    });
    const namespaces = page.getByLabel('Namespace');
    await namespaces.selectOption(`${world.namespace}-paper`);
    expect(await namespaces.inputValue()).to.equal(world.namespace);
    await page.getByRole('button', { name: 'Stop…' }).click();
    await dialog(page).getByLabel('Reason').fill('this one');
    await dialog(page).getByRole('button', { name: 'Arm' }).click();
    answer?.();
    await until(async () => (await page.title()).includes('-paper'));

    await dialog(page).getByRole('button', { name: 'Stop opening now' }).click();

    await dialog(page).getByRole('heading', { name: 'Stopped' }).waitFor();
    expect(await overrides()).to.have.length(1);
  });

  it('restores only after seeing what is then in force', async () => {
    await world.request('POST', '/overrides', {
      limits: { max_positions: 2 },
      name: 'lunch',
      reason: 'lunch',
    });
    const page = await pages.open(world.url('stops'), { expected: /net::ERR/ });
    await page.getByText('at most 2 positions').waitFor();
    await page.route('**/api/policy?*view=base*', (route) => route.abort());
    await page.reload();

    await page.getByRole('button', { name: /Restore….*lunch/ }).click();
    await dialog(page).getByText('What would be in force then is not known now').waitFor();
    expect(await dialog(page).getByRole('button', { name: 'Restore' }).isDisabled()).to.equal(true);
  });

  it('halts, and restores after seeing what is then in force', async () => {
    const page = await pages.open(world.url('stops'));
    await page.getByRole('button', { name: 'Stop trading…' }).click();
    await dialog(page).getByText('No order at all').click();
    await dialog(page).getByLabel('Reason').fill('exchange down');
    await dialog(page).getByRole('button', { name: 'Arm' }).click();
    await dialog(page).getByRole('button', { name: 'Halt everything now' }).click();
    await dialog(page)
      .getByText(/^everywhere in /)
      .waitFor();
    await page.keyboard.press('Escape');
    // The base moves on under the stop; what is restored is the base as it is then.
    await world.patch({ max_positions: 6 }, 'less from now on');

    await page.getByRole('button', { name: /Restore….*circuit-breaker/ }).click();
    const row = (text: RegExp): Locator => dialog(page).getByRole('row').filter({ hasText: text });
    await row(/Trading state.*HALTED.*ACTIVE/s).waitFor();
    await row(/Risk mode.*DEFENSIVE.*NORMAL/s).waitFor();
    await row(/Positions.*3.*6/s).waitFor();
    await row(/momentum/).waitFor();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('exchange is back');
    await dialog(page).getByRole('button', { name: 'Restore' }).click();

    await page.getByText('No override is in force').waitFor();
    await until(async () => world.executors.every((one) => one.current.tradingState === TradingState.ACTIVE));
    expect((await world.policy('effective'))['max_positions']).to.equal(6);
  });

  it('bans a symbol for a while', async () => {
    const page = await pages.open(world.url('stops'));
    await page.getByRole('button', { name: 'Ban a symbol…' }).click();

    await dialog(page).getByLabel('Symbol').fill('ETHUSDT');
    await dialog(page).getByLabel('For how long').selectOption('Other …');
    await dialog(page).getByLabel('Minutes').fill('0');
    await dialog(page).getByText('must be above 0 and at most ten years').waitFor();
    await dialog(page).getByLabel('Minutes').fill('90');
    await dialog(page).getByLabel('Reason').fill('delisting rumour');
    await dialog(page).getByRole('button', { name: 'Ban ETHUSDT' }).click();

    await page.getByText('without ETHUSDT').waitFor();
    await page.getByText(/ends in 1 h/).waitFor();
    const [ban] = await overrides();
    expect(ban).to.deep.include({ name: 'ban-ETHUSDT', reason: 'delisting rumour' });
    expect((await world.policy('effective'))['allowed_symbols']).to.deep.equal(['BTCUSDT']);
  });

  it('limits what he likes, after seeing what that changes', async () => {
    const page = await pages.open(world.url('stops'));
    await page.getByRole('button', { name: 'Limit for a while…' }).click();

    await dialog(page).getByLabel('Name').fill('lunch');
    await dialog(page).getByLabel('At most positions').fill('200');
    await dialog(page).getByText('must be between 1 and 100, got 200').waitFor();
    await dialog(page).getByLabel('At most positions').fill('2');
    await dialog(page).getByLabel('Risk mode').selectOption('DEFENSIVE');
    await dialog(page)
      .getByRole('row')
      .filter({ hasText: /Positions.*tighter.*10.*2/s })
      .waitFor();
    await dialog(page).getByLabel('Reason').fill('nobody looks');
    await dialog(page).getByRole('button', { name: 'Put in force' }).click();

    await page.getByText('risk mode at most DEFENSIVE · at most 2 positions').waitFor();
    const [lunch] = await overrides();
    expect(lunch?.limits).to.deep.equal({ risk_mode: 'DEFENSIVE', max_positions: 2 });
  });

  it('keeps the reason of a stop that was closed by accident', async () => {
    const page = await pages.open(world.url());
    await page.getByRole('button', { name: 'Stop…' }).click();
    await dialog(page).getByLabel('Reason').fill('half a thought');
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Stop…' }).click();

    expect(await dialog(page).getByLabel('Reason').inputValue()).to.equal('half a thought');
  });

  it('reads at the form why an override was refused, with all that was typed', async () => {
    await world.request('POST', '/overrides', {
      name: 'ban-ETHUSDT',
      limits: { block_symbols: ['ETHUSDT'] },
      reason: 'first',
    });
    const page = await pages.open(world.url('stops'), { expected: /status of 4/ });
    await page.getByRole('button', { name: 'Ban a symbol…' }).click();
    await dialog(page).getByLabel('Symbol').fill('ETHUSDT');
    await dialog(page).getByLabel('Reason').fill('shorter');

    await dialog(page).getByRole('button', { name: 'Ban ETHUSDT' }).click();

    await dialog(page)
      .getByRole('alert')
      .filter({ hasText: /tight|until|ttl/i })
      .waitFor();
    expect(await dialog(page).getByLabel('Reason').inputValue()).to.equal('shorter');
  });
});

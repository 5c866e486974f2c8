import { expect } from 'chai';
import type { Page } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

/** What the browser itself says of a connection that breaks. */
const BROKEN = /net::ERR|Failed to load resource/;

describe('when the connection goes, the console', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;
  let proxy: TcpProxy;

  before(async () => {
    world = keep(await ConsoleWorld.start({ flags: ['--lease', '3s'] }), (opened) => opened.close());
    const port = Number(world.replicas[0].httpAddress.split(':').at(-1));
    proxy = keep(await startProxy({ port }), (started) => started.close());
  });

  beforeEach(async () => {
    proxy.blackhole(false);
    await world.request('PUT', '', { max_positions: 10, allowed_symbols: ['BTCUSDT'] });
  });

  async function open(view: string): Promise<Page> {
    const page = await pages.open(`http://${proxy.host}:${proxy.port}/#/${view}`, { expected: BROKEN });
    await page.getByText('Live').waitFor();
    return page;
  }

  /** Nothing passes any more. */
  function away(): void {
    proxy.blackhole(true);
    proxy.cut();
  }

  it('renews the lease all the time while it is there', async () => {
    const page = await open('overview');

    // Three leases long, by the events of another program.
    for (let i = 0; i < 9; i += 1) {
      await world.patch({ max_positions: 20 + i });
      await page
        .getByTestId('max_positions')
        .filter({ hasText: String(20 + i) })
        .waitFor();
      await page.waitForResponse((response) => response.status() === 304);
      expect(await page.getByText('Lease ended').count()).to.equal(0);
    }
  });

  it('says that nothing is to be believed once the lease has ended, and goes on when it is back', async () => {
    const page = await open('overview');
    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();

    away();

    await page.getByText('Reconnecting').waitFor();
    await page.getByRole('alert').filter({ hasText: 'Not to be believed.' }).waitFor();
    await page.getByText('Lease ended').waitFor();
    await page.getByTestId('trading-state').filter({ hasText: 'REDUCE ONLY' }).waitFor();
    await world.patch({ max_positions: 3 }, 'meanwhile');
    proxy.blackhole(false);
    proxy.cut();
    await page.getByText('Live').waitFor();
    await page.getByTestId('max_positions').filter({ hasText: '3' }).waitFor();
    await page.getByTestId('trading-state').filter({ hasText: 'ACTIVE' }).waitFor();
    expect(await page.getByText('Not to be believed.').count()).to.equal(0);
  });

  it('lets the lease end while the machine sleeps, though the clock of the page stands still then', async () => {
    const page = await open('overview');

    await page.evaluate(
      `import('/console/state/lease.js').then(({ leaseOver }) => new Promise((resolve) => {
        leaseOver.subscribe((isOver) => isOver && resolve());
        const wall = Date.now;
        Date.now = () => wall() + 3_600_000;
      }))`,
    );

    await page.getByText('Not to be believed.').waitFor({ state: 'detached' });
  });

  it('resumes behind what it holds', async () => {
    const page = await open('overview');
    const asked = page.waitForRequest((request) => request.url().includes('/watch'));

    proxy.cut();

    const { 'last-event-id': resumed } = (await asked).headers();
    expect(resumed).to.match(/^\w+:\d+$/);
    await page.getByText('Live').waitFor();
  });

  it('keeps what was typed, and saves it once it is back', async () => {
    const page = await open('policy');
    const positions = page.getByRole('textbox', { name: 'Positions' });
    await positions.fill('6');
    await page.getByRole('button', { name: 'Review…' }).click();
    await page
      .getByRole('dialog')
      .getByLabel(/^Reason/)
      .fill('kept');

    away();
    await page.getByText('Reconnecting').waitFor();
    await page.getByRole('button', { name: /^Save in/ }).click();
    proxy.cut();
    await page
      .getByRole('dialog')
      .getByRole('alert')
      .filter({ hasText: 'The server does not answer.' })
      .waitFor();
    expect(
      await page
        .getByRole('dialog')
        .getByLabel(/^Reason/)
        .inputValue(),
    ).to.equal('kept');

    proxy.blackhole(false);
    proxy.cut();
    await page.getByText('Live').waitFor();
    await page.getByRole('button', { name: /^Save in/ }).click();
    await page.getByText('Saved: Positions').waitFor();
    expect((await world.policy())['max_positions']).to.equal(6);
  });

  it('starts by itself once the server can be reached', async () => {
    const page = await open('overview');
    await page.route('**/api/policy/access*', (route) => route.abort());
    await page.reload();
    await page.getByRole('heading', { name: 'The console cannot start' }).waitFor();

    await page.unroute('**/api/policy/access*');

    await page.getByTestId('trading-state').waitFor();
  });

  it('gives its stream back while nobody looks, and resumes when somebody does', async () => {
    const page = await open('overview');
    const look = (state: string): Promise<void> =>
      page.evaluate(
        `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
         document.dispatchEvent(new Event('visibilitychange'))`,
      );

    await look('hidden');
    await page.getByText('Paused').waitFor();
    await page.getByText('Lease ended').waitFor();
    await world.patch({ max_positions: 33 }, 'unseen');
    await look('visible');

    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByTestId('max_positions').filter({ hasText: '33' }).waitFor();
    await page.getByText('Not to be believed.').waitFor({ state: 'detached' });
  });
});

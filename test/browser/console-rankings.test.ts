import { expect } from 'chai';
import type { Page } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

const COUNT = 10_000;

interface Scrolled {
  readonly frames: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly worstMs: number;
  /** Which frame that was. */
  readonly worstFrame: number;
  readonly mostRows: number;
  readonly emptyFrames: number;
}

/** Scrolls by wheel-sized steps through the whole list, one step a frame, and looks at every frame. */
const SCROLL = `new Promise((resolve) => {
  const box = document.querySelector('.windowed-box');
  const rows = () => [...box.querySelectorAll('.windowed-row')];
  const times = [];
  let mostRows = 0, emptyFrames = 0, last = performance.now(), step = 0;
  const frame = (now) => {
    times.push(now - last);
    last = now;
    const drawn = rows();
    mostRows = Math.max(mostRows, drawn.length);
    const { top, bottom } = box.getBoundingClientRect();
    const seen = drawn.some((row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom);
    if (!seen) emptyFrames += 1;
    if (++step > 240) {
      const sorted = times.slice(1).sort((a, b) => a - b);
      resolve({ frames: sorted.length, medianMs: sorted[sorted.length >> 1], p95Ms: sorted[Math.floor(sorted.length * 0.95)], worstFrame: times.indexOf(sorted.at(-1)), worstMs: sorted.at(-1), mostRows, emptyFrames });
    } else {
      box.scrollTop = step <= 200 ? box.scrollTop + 120 : box.scrollHeight * (step - 200) / 40;
      requestAnimationFrame(frame);
    }
  };
  requestAnimationFrame(frame);
})`;

describe('ten thousand rankings in the console', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    world = keep(await ConsoleWorld.start(), (opened) => opened.close());
    const names = Array.from({ length: COUNT }, (_, i) => `SYM${String(i).padStart(5, '0')}`);
    await world.patch({
      opp_rankings: Object.fromEntries(names.map((name, i) => [name, (i % 1000) / 1000])),
    });
  });

  async function open(): Promise<Page> {
    const page = await pages.open(world.url('rankings'));
    await page.getByRole('table', { name: 'Rankings' }).waitFor();
    return page;
  }

  it('scroll with only what is in sight drawn', async () => {
    const page = await open();
    expect(await page.getByRole('table', { name: 'Rankings' }).getAttribute('aria-rowcount')).to.equal(
      String(COUNT),
    );

    const scrolled: Scrolled = await page.evaluate(SCROLL);

    const { frames, medianMs, p95Ms, worstMs, worstFrame, mostRows, emptyFrames } = scrolled;
    console.log(
      `      ${frames} frames, median ${medianMs.toFixed(1)} ms, 95 % under ${p95Ms.toFixed(1)} ms, worst ${worstMs.toFixed(1)} ms (frame ${worstFrame}), at most ${mostRows} rows drawn, ${emptyFrames} frames without a row`,
    );
    expect(mostRows).to.be.within(10, 60);
    await page.getByRole('row').filter({ hasText: 'SYM09000' }).waitFor();
  });

  it('are found by a part of the name, best first or by name', async () => {
    const page = await open();

    await page.getByLabel('Search symbols').fill('sym0042');
    await page.getByText('10 of 10000 match “sym0042”.').waitFor();
    expect(await page.getByRole('row').first().innerText()).to.include('SYM00429');
    await page.getByLabel('Order').selectOption('by name');
    expect(await page.getByRole('row').first().innerText()).to.include('SYM00420');
    await page.getByLabel('Search symbols').fill('nothing like it');
    await page.getByText('No symbol matches.').waitFor();
  });

  it('stay where they were scrolled to while others change them', async () => {
    const page = await open();
    await page.evaluate(`document.querySelector('.windowed-box').scrollTop = 40000`);
    const middle = page.locator('[aria-rowindex="1005"]');
    const before = await middle.innerText();

    await world.patch({ opp_rankings: { SYM00000: 0.0001 } });
    await world.patch({ max_positions: 9 });
    await page.getByText('SYM').first().waitFor();

    expect(await page.evaluate(`document.querySelector('.windowed-box').scrollTop`)).to.equal(40000);
    expect(await middle.innerText()).to.equal(before);
  });

  it('are changed one by one, added and taken away, in one step', async () => {
    const page = await open();
    await page.getByLabel('Search symbols').fill('SYM0777');
    await page.getByRole('button', { name: 'Edit SYM07770' }).click();
    const score = page.getByLabel('Score of SYM07770');
    await score.fill('1.2');
    await page.getByText('Rankings is not valid').waitFor();
    await score.fill('0.123');
    await page.getByRole('button', { name: 'Remove SYM07771' }).click();
    await page.getByLabel('Symbol to rank').fill('SYM0777X');
    await page.getByLabel('Its score, 0 to 1').fill('0.5');
    await page.getByRole('button', { name: 'Add', exact: true }).click();

    await page.getByRole('button', { name: 'Review…' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('row').count()).to.equal(4);
    await dialog.getByLabel(/^Reason/).fill('by hand');
    await dialog.getByRole('button', { name: /^Save/ }).click();
    await dialog.waitFor({ state: 'detached' });

    const rankings = (await world.policy())['opp_rankings'] as Record<string, number>;
    expect([rankings['SYM07770'], rankings['SYM07771'], rankings['SYM0777X']]).to.deep.equal([
      0.123,
      undefined,
      0.5,
    ]);
    expect(Object.keys(rankings)).to.have.lengthOf(COUNT);
  });

  it('may be called what every object of JavaScript has', async () => {
    await world.patch({ opp_rankings: { SYM00001: null, SYM00002: null, toString: 1 } });
    const page = await open();

    await page.getByRole('row').first().filter({ hasText: 'toString' }).waitFor();
    await page.getByLabel('Symbol to rank').fill('valueOf');
    await page.getByLabel('Its score, 0 to 1').fill('0.5');
    await page.getByRole('button', { name: 'Add', exact: true }).click();

    await page.getByRole('button', { name: 'Review…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog
      .getByRole('row')
      .filter({ hasText: /valueOf.*–.*0.5/s })
      .waitFor();
    await dialog.getByRole('button', { name: /^Save/ }).click();
    await dialog.waitFor({ state: 'detached' });
    expect((await world.policy())['opp_rankings']).to.include({ toString: 1, valueOf: 0.5 });
  });
});

/**
 * Makes the pictures of docs/console.md: npx tsx test/browser/pictures.ts. They show a day as it could be, on a real server.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Page } from 'playwright-core';

import { openPage, PHONE, startChromium } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

const FOLDER = new URL('../../docs/images/', import.meta.url).pathname;

const GUARDRAILS = `
rules:
  - name: small-book
    description: The desk covers 20 positions.
    schema: { properties: { max_positions: { maximum: 20 }, max_risk_per_trade: { maximum: 0.03 } } }
  - name: slow-positions
    field: max_positions
    per_change: 5
    per_hour: 8
`;

const SYMBOLS = [
  'BTCUSDT',
  'ETHUSDT',
  'SOLUSDT',
  'BNBUSDT',
  'XRPUSDT',
  'ADAUSDT',
  'AVAXUSDT',
  'LINKUSDT',
  'DOTUSDT',
];

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'policystore-'));
  const guardrails = join(directory, 'guardrails.yaml');
  writeFileSync(guardrails, GUARDRAILS);
  const world = await ConsoleWorld.start({
    executors: 4,
    flags: ['--guardrails', guardrails],
    namespace: 'live',
  });
  const browser = await startChromium();
  try {
    await live(world);
    const url = world.url();
    const light = await openPage(browser, url, {
      colorScheme: 'light',
      viewport: { width: 1280, height: 960 },
    });
    await shoot(light, 'console-light');
    const dark = await openPage(browser, world.url('history'), {
      colorScheme: 'dark',
      viewport: { width: 1280, height: 960 },
    });
    await dark.locator('canvas').nth(4).waitFor();
    await shoot(dark, 'console-dark');
    const phone = await openPage(browser, url, {
      colorScheme: 'light',
      viewport: PHONE,
      deviceScaleFactor: 2,
    });
    await shoot(phone, 'console-phone');
  } finally {
    await browser.close();
    await world.close();
    rmSync(directory, { recursive: true });
  }
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.getByText('Live', { exact: true }).waitFor();
  await page.screenshot({ path: `${FOLDER}${name}.png`, animations: 'disabled' });
}

/** What happened before the pictures. */
async function live(world: ConsoleWorld): Promise<void> {
  const as = (who: string, body: unknown, reason: string): Promise<unknown> =>
    world.request('PATCH', '', body, { 'X-Policy-Client': who, 'X-Policy-Reason': reason });
  await as('msc_ai', { allowed_strategies: ['momentum', 'mean_reversion', 'breakout', 'pairs'] }, 'open');
  await as('opportunity_ranker', { allowed_symbols: SYMBOLS }, 'liquid today');
  const scores = Object.fromEntries(
    SYMBOLS.map((symbol, i): [string, number] => [symbol, Number((0.94 - i * 0.083).toFixed(3))]),
  );
  await as('opportunity_ranker', { opp_rankings: scores }, '');
  await as(
    'continuous_learning',
    { model_versions: { trend: 'v7.2', regime: 'v3.0', sizing: 'v11' } },
    'promoted',
  );
  await as('health_monitor', { system_health: { exchange: { latency_ms: 12, errors: 0 }, feed: 'ok' } }, '');
  await as('anna', { custom_params: { leverage: 2, desk: { open: true } } }, 'as agreed');
  for (const [mode, positions, risk, confidence] of [
    ['NORMAL', 8, 0.01, 0.7],
    ['AGGRESSIVE', 12, 0.015, 0.6],
    ['NORMAL', 9, 0.012, 0.65],
    ['DEFENSIVE', 6, 0.008, 0.72],
    ['NORMAL', 10, 0.012, 0.65],
  ] as const) {
    await as(
      'msc_ai',
      {
        risk_mode: mode,
        max_positions: positions,
        max_risk_per_trade: risk,
        global_min_confidence: confidence,
      },
      `regime: ${mode.toLowerCase()}`,
    );
    await delay(700);
  }
  await world.request(
    'POST',
    '/overrides',
    {
      name: 'ban-XRPUSDT',
      limits: { block_symbols: ['XRPUSDT'] },
      reason: 'delisting rumour',
      ttl_seconds: 7300,
    },
    { 'X-Policy-Client': 'anna' },
  );
  await world.request(
    'POST',
    '/overrides',
    {
      name: 'thin-book',
      limits: { trading_state: 'REDUCE_ONLY', max_positions: 4, risk_mode: 'DEFENSIVE' },
      reason: 'spread above 8 bp',
      ttl_seconds: 1860,
    },
    { 'X-Policy-Client': 'governor-1' },
  );
}

await main();

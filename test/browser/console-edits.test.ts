import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';

import { closeAfterAll } from '../support/closing.js';
import { useBrowser } from './support/browser.js';
import { ConsoleWorld } from './support/console-world.js';

const GUARDRAILS = `
rules:
  - name: small-book
    description: The desk covers 20 positions.
    schema:
      properties:
        max_positions: { maximum: 20 }
  - name: calm-without-confidence
    description: Aggressive only on strong signals.
    schema:
      if: { properties: { risk_mode: { const: AGGRESSIVE } } }
      then: { properties: { global_min_confidence: { minimum: 0.6 } } }
`;

const POLICY = {
  risk_mode: 'NORMAL',
  max_positions: 10,
  max_risk_per_trade: 0.01,
  global_min_confidence: 0.5,
  allowed_strategies: ['momentum'],
  allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
  opp_rankings: { BTCUSDT: 0.9 },
  model_versions: { trend: 'v7' },
  custom_params: { leverage: 2 },
};

describe('in the console an operator', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let world: ConsoleWorld;

  before(async () => {
    const directory = keep(mkdtempSync(join(tmpdir(), 'policystore-')), (path) => {
      rmSync(path, { recursive: true });
    });
    const file = join(directory, 'guardrails.yaml');
    writeFileSync(file, GUARDRAILS);
    world = keep(await ConsoleWorld.start({ flags: ['--guardrails', file] }), (opened) => opened.close());
  });

  beforeEach(async () => {
    await world.request('PUT', '', POLICY);
  });

  const field = (page: Page, name: string): Locator => page.locator(`[data-field="${name}"]`);
  const dialog = (page: Page): Locator => page.getByRole('dialog');

  async function save(page: Page, reason: string): Promise<void> {
    await page.getByRole('button', { name: 'Review…' }).click();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill(reason);
    await dialog(page).getByRole('button', { name: /^Save/ }).click();
    await dialog(page).waitFor({ state: 'detached' });
  }

  it('changes fields of every kind in one step, after seeing the diff and saying why', async () => {
    const page = await pages.open(world.url('policy'));

    await field(page, 'risk_mode').getByRole('radio', { name: 'DEFENSIVE' }).check();
    await field(page, 'max_positions').getByRole('textbox').fill('6');
    await field(page, 'allowed_symbols').getByRole('button', { name: 'Remove ETHUSDT' }).click();
    await field(page, 'allowed_symbols').getByLabel('Add to Symbols').fill('SOLUSDT, XRPUSDT');
    await field(page, 'allowed_symbols').getByRole('button', { name: 'Add', exact: true }).click();
    await field(page, 'model_versions').getByLabel('Models: trend').fill('v8');
    await field(page, 'custom_params').getByRole('textbox').fill('{"leverage": 3, "desk": {"open": true}}');
    await page.getByRole('button', { name: 'Review…' }).click();
    const diff = dialog(page).getByRole('table', { name: 'What changes' });
    for (const line of [
      /Risk mode.*tighter.*NORMAL.*DEFENSIVE/s,
      /Positions.*10.*6/s,
      /ETHUSDT/,
      /SOLUSDT/,
      /v7.*v8/s,
      /desk/,
    ]) {
      await diff.getByRole('row').filter({ hasText: line }).first().waitFor();
    }
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('Vol\u00a0↑ – weniger Risiko');
    await dialog(page).getByRole('button', { name: /^Save/ }).click();

    await page.getByText(/^Saved: Risk mode, Positions/).waitFor();
    expect(await world.policy()).to.deep.include({
      risk_mode: 'DEFENSIVE',
      max_positions: 6,
      allowed_symbols: ['BTCUSDT', 'SOLUSDT', 'XRPUSDT'],
      model_versions: { trend: 'v8' },
      custom_params: { leverage: 3, desk: { open: true } },
    });
    await field(page, 'max_positions').getByText('Vol ↑ – weniger Risiko').waitFor();
  });

  it('is told what is wrong while typing, by the rules of the schema, and cannot save it', async () => {
    const page = await pages.open(world.url('policy'));
    const review = page.getByRole('button', { name: 'Review…' });

    for (const [name, typed, words] of [
      ['max_positions', '101', 'must be between 1 and 100, got 101'],
      ['max_positions', '2.5', 'must be an integer between 1 and 100, got 2.5'],
      ['max_positions', 'many', 'must be a number, got "many"'],
      ['max_risk_per_trade', '0', 'must be above 0 and at most 1, got 0'],
      ['custom_params', '{"a": ', 'is not JSON'],
      ['custom_params', '{"__proto__x": {"constructor": 1}}', 'must not be the reserved name "constructor"'],
    ] as const) {
      await field(page, name).getByRole('textbox').fill(typed);
      await field(page, name).getByText(words).waitFor();
      expect(await review.isDisabled()).to.equal(true);
      await field(page, name)
        .getByRole('button', { name: /^Discard/ })
        .click();
    }
    await field(page, 'max_risk_per_trade').getByRole('textbox').fill('1');
    await field(page, 'max_risk_per_trade').getByText('is 100 %, was 1 %').waitFor();
    await field(page, 'max_positions').getByRole('textbox').fill('21');
    await field(page, 'max_positions').getByText('guardrail: must be at most 20').first().waitFor();
  });

  it('reads the refusal of the server in its own words, and keeps what was typed', async () => {
    const page = await pages.open(world.url('policy'), { expected: /status of 409/ });

    await field(page, 'risk_mode').getByRole('radio', { name: 'AGGRESSIVE' }).check();
    await page.getByRole('button', { name: 'Review…' }).click();

    await dialog(page)
      .getByText(/Aggressive only on strong signals/)
      .first()
      .waitFor();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('full steam');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Review…' }).click();
    expect(
      await dialog(page)
        .getByLabel(/^Reason/)
        .inputValue(),
    ).to.equal('full steam');
    expect((await world.policy())['risk_mode']).to.equal('NORMAL');
  });

  it('sees at the field that somebody else changed it meanwhile, and decides', async () => {
    const page = await pages.open(world.url('policy'));
    const positions = field(page, 'max_positions');

    await positions.getByRole('textbox').fill('8');
    await world.patch({ max_positions: 12 }, 'more room');
    await positions.getByText('Changed meanwhile by controller.').waitFor();
    await positions.getByText('was 10; theirs 12, yours 8').waitFor();
    expect(await positions.getByRole('textbox').inputValue()).to.equal('8');
    expect(await page.getByRole('button', { name: 'Review…' }).isDisabled()).to.equal(true);

    await positions.getByRole('button', { name: 'Keep mine over it' }).click();
    await save(page, 'mine');

    expect((await world.policy())['max_positions']).to.equal(8);
  });

  it('is not held up by what others change elsewhere', async () => {
    const page = await pages.open(world.url('policy'));
    await field(page, 'max_positions').getByRole('textbox').fill('9');
    await field(page, 'allowed_symbols').getByRole('button', { name: 'Remove ETHUSDT' }).click();

    await world.patch({ opp_rankings: { BTCUSDT: 0.1 }, allowed_symbols: ['BTCUSDT', 'ETHUSDT', 'ADAUSDT'] });
    await field(page, 'allowed_symbols').getByText('ADAUSDT').first().waitFor();
    await save(page, 'smaller');

    expect(await world.policy()).to.deep.include({
      max_positions: 9,
      allowed_symbols: ['BTCUSDT', 'ADAUSDT'],
    });
  });

  it('finds what was typed after a look elsewhere and a reload', async () => {
    const page = await pages.open(world.url('policy'));
    await field(page, 'max_positions').getByRole('textbox').fill('7');
    await field(page, 'custom_params').getByRole('textbox').fill('{"half": ');

    await page.getByRole('link', { name: 'Fleet' }).click();
    await page.reload();
    await page.getByRole('link', { name: 'Policy' }).click();

    expect(await field(page, 'max_positions').getByRole('textbox').inputValue()).to.equal('7');
    expect(await field(page, 'custom_params').getByRole('textbox').inputValue()).to.equal('{"half": ');
  });

  it('edits the base while an override holds it, and is told so', async () => {
    await world.request('POST', '/overrides', { name: 'calm', limits: { max_positions: 3 }, reason: 'calm' });
    const page = await pages.open(world.url('policy'));
    const positions = field(page, 'max_positions');
    await positions.getByText('In force is 3: an override holds it.').waitFor();

    await positions.getByRole('textbox').fill('11');
    await page.getByRole('button', { name: 'Review…' }).click();
    await dialog(page).getByText('Positions: an override holds it.').waitFor();
    await dialog(page).getByRole('button', { name: /^Save/ }).click();
    await dialog(page).waitFor({ state: 'detached' });

    expect((await world.policy('base'))['max_positions']).to.equal(11);
    expect((await world.policy('effective'))['max_positions']).to.equal(3);
    await world.request('DELETE', '/overrides/calm', undefined, { 'X-Policy-Reason': 'over' });
  });

  it('never resets what somebody else has changed unseen', async () => {
    const page = await pages.open(world.url('policy'));
    await page.getByRole('button', { name: 'Presets and reset…' }).click();
    await dialog(page).getByRole('row').filter({ hasText: 'momentum' }).waitFor();
    let isFirst = true;
    await page.route('**/api/policy?*view=base*', async (route) => {
      // Between what was seen and the write.
      if (isFirst) await world.patch({ max_positions: 17 }, 'at the same moment');
      isFirst = false;
      await route.continue();
    });

    await dialog(page).getByRole('button', { name: 'Reset' }).click();

    await dialog(page).getByRole('alert').filter({ hasText: 'Somebody else has changed this' }).waitFor();
    await dialog(page)
      .getByRole('row')
      .filter({ hasText: /Positions.*17/s })
      .waitFor();
    expect((await world.policy())['max_positions']).to.equal(17);
  });

  it('resets to a preset after seeing what that takes away', async () => {
    const page = await pages.open(world.url('policy'));

    await page.getByRole('button', { name: 'Presets and reset…' }).click();
    await dialog(page).getByText('Conservative').click();
    await dialog(page)
      .getByRole('row')
      .filter({ hasText: /Risk mode.*NORMAL.*DEFENSIVE/s })
      .waitFor();
    await dialog(page).getByRole('row').filter({ hasText: 'momentum' }).waitFor();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('end of day');
    await dialog(page).getByRole('button', { name: 'Reset' }).click();
    await dialog(page).waitFor({ state: 'detached' });

    expect(await world.policy()).to.deep.include({
      risk_mode: 'DEFENSIVE',
      max_positions: 5,
      allowed_strategies: [],
    });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import type { Page } from 'playwright-core';

import { createToken, hashToken } from '../../server/src/auth/token.js';
import { tokenLine } from '../../server/src/auth/token-file.js';
import { closeAfterAll } from '../support/closing.js';
import { keepSecret } from '../support/secrets.js';
import { replaceFile } from '../support/secured.js';
import { startServer, type TestServer } from '../support/server.js';
import { violations } from './support/axe.js';
import { useBrowser } from './support/browser.js';

const ACCESS = `
identities:
  anna: { roles: [operator] }
  rita: { roles: [reader] }
  rob: { roles: [{ role: opportunity_ranker, namespaces: [paper] }] }
  gwen: { roles: [safety_governor] }
`;
/** The browser itself tells of every answer 401 and 403. */
const REFUSALS = /status of 40[13]/;

describe('where callers prove who they are, the console', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let server: TestServer;
  let tokensFile: string;
  const tokens: Record<string, string> = {};

  before(async () => {
    const directory = keep(mkdtempSync(join(tmpdir(), 'policystore-')), (path) => {
      rmSync(path, { recursive: true });
    });
    const access = join(directory, 'access.yaml');
    tokensFile = join(directory, 'tokens');
    writeFileSync(access, ACCESS);
    for (const name of ['anna', 'rita', 'rob', 'gwen', 'lea']) tokens[name] = keepSecret(createToken());
    writeTokens();
    const flags = ['--tokens', tokensFile, '--access', access, '--namespaces', 'default,paper'];
    server = keep(await startServer({ flags }), (started) => started.close());
  });

  function writeTokens(without = ''): void {
    const lines = Object.entries(tokens)
      .filter(([name]) => name !== without)
      .map(([name, token]) => tokenLine({ hash: hashToken(token), name, expiresAt: undefined }));
    replaceFile(tokensFile, [...lines, ''].join('\n'));
  }

  async function signIn(name: string, view = 'overview'): Promise<Page> {
    const page = await pages.open(`http://${server.httpAddress}/#/${view}`, { expected: REFUSALS });
    await page.getByLabel('Token').fill(tokens[name] ?? '');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation').waitFor();
    await page
      .getByTestId('trading-state')
      .or(page.getByRole('heading', { level: 1 }))
      .first()
      .waitFor();
    return page;
  }

  const buttons = async (page: Page): Promise<string[]> => {
    const texts = await page.getByRole('main').getByRole('button').allInnerTexts();
    return texts.map((text) => text.replace(/\s+/g, ' '));
  };

  it('asks for a token, says in words that one is wrong, and keeps the right one out of address and storage', async () => {
    const page = await pages.open(`http://${server.httpAddress}/`, { expected: REFUSALS });
    await page.getByLabel('Token').fill('no token');
    await page.getByText('A token has no spaces and only plain characters.').waitFor();
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: /token/i }).waitFor();
    expect(await page.getByLabel('Token').inputValue()).to.equal('wrong');
    expect(await violations(page)).to.deep.equal([]);

    await page.getByLabel('Token').fill(tokens['anna'] ?? '');
    await page.keyboard.press('Enter');

    await page.getByTestId('trading-state').waitFor();
    expect(page.url()).not.to.include(tokens['anna']);
    const kept = await page.evaluate('JSON.stringify([localStorage, document.cookie])');
    expect(kept).not.to.include(tokens['anna']);
    await page.reload();
    await page.getByTestId('trading-state').waitFor();
  });

  it('offers a reader nothing to do, and no view that it may not see', async () => {
    const page = await signIn('rita');

    expect(await page.getByRole('button', { name: 'Stop…' }).count()).to.equal(0);
    expect(await page.getByRole('navigation').getByRole('link').allInnerTexts()).to.deep.equal([
      'Overview',
      'Policy',
      'Rankings',
      'Stops',
    ]);
    for (const view of ['Policy', 'Rankings', 'Stops']) {
      await page.getByRole('link', { name: view }).click();
      await page
        .getByRole('heading', { level: 1 })
        .filter({ hasText: view === 'Stops' ? 'Stops and bans' : view })
        .waitFor();
      expect(await buttons(page)).to.deep.equal([]);
      expect(await page.getByRole('main').locator('input:enabled, textarea:enabled').count()).to.equal(
        view === 'Rankings' ? 1 : 0,
      );
    }
  });

  it('lets a ranker change rankings and symbols in the namespace that it may', async () => {
    const page = await signIn('rob', 'policy');

    expect(await page.getByLabel('Namespace').locator('option').allInnerTexts()).to.deep.equal(['paper']);
    expect(await page.getByRole('textbox', { name: 'Positions' }).isDisabled()).to.equal(true);
    await page.getByLabel('Add to Symbols').fill('BTCUSDT');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Review…' }).click();
    await page.getByRole('button', { name: 'Save in paper' }).click();
    await page.getByText('Saved: Symbols').waitFor();
  });

  it('lets a governor tighten and stop, and says that it may not loosen', async () => {
    const page = await signIn('gwen', 'policy');
    const positions = page.getByRole('textbox', { name: 'Positions' });

    await positions.fill('9');
    await page.getByText('you may only make this stricter').waitFor();
    await positions.fill('3');
    await page.getByRole('button', { name: 'Review…' }).click();
    await page.getByRole('button', { name: 'Save in default' }).click();
    await page.getByText('Saved: Positions').waitFor();
    await page.getByRole('button', { name: 'Stop…' }).waitFor();
    expect(await page.getByRole('link', { name: 'History' }).count()).to.equal(0);
  });

  it('says to somebody without rights that there is nothing to see', async () => {
    const page = await signIn('lea');

    await page.getByRole('heading', { name: 'Not shown' }).waitFor();
    await page.getByRole('alert').filter({ hasText: /lea/ }).waitFor();
  });

  it('asks again when the token ends, and loses nothing of what was typed', async () => {
    const page = await signIn('anna', 'policy');
    await page.getByRole('textbox', { name: 'Positions' }).fill('8');

    writeTokens('anna');
    await page.getByRole('heading', { name: 'Sign in to PolicyStore' }).waitFor();
    await page.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor();
    writeTokens();
    const field = page.getByLabel('Token');
    await field.fill(tokens['anna'] ?? '');
    // The file is read again within a moment.
    while (await page.getByRole('button', { name: 'Sign in' }).isVisible()) {
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page
        .getByRole('button', { name: 'Sign in', exact: true })
        .or(page.getByRole('navigation'))
        .first()
        .waitFor();
    }

    await page.getByRole('textbox', { name: 'Positions' }).waitFor();
    expect(await page.getByRole('textbox', { name: 'Positions' }).inputValue()).to.equal('8');
  });

  it('forgets the token at sign-out', async () => {
    const page = await signIn('anna');
    await page.getByRole('button', { name: /^Account/ }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();

    await page.getByRole('heading', { name: 'Sign in to PolicyStore' }).waitFor();

    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.to.include(tokens['anna']);
  });
});

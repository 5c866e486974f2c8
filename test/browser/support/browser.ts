import { execFileSync } from 'node:child_process';

import { expect } from 'chai';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** What a page said that it should not have said. */
const problems = new WeakMap<Page, string[]>();

export interface Pages {
  /** A page in a session of its own. */
  open(url: string, options?: PageOptions): Promise<Page>;
}

export interface PageOptions extends BrowserContextOptions {
  /** What the browser may say: it tells of each refused request as an error of the page. */
  readonly expected?: RegExp;
}

const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

/**
 * Chromium for the tests of the surrounding `describe`. After each test no page may have told an error or a violation of
 * its content security policy.
 */
export function useBrowser(): Pages {
  let browser: Browser;
  let pages: Page[] = [];
  before(async () => {
    browser = await startChromium();
  });
  afterEach(async () => {
    const said = pages.flatMap((page) => problems.get(page) ?? []);
    await Promise.all(pages.map((page) => page.context().close()));
    pages = [];
    expect(said).to.deep.equal([]);
  });
  after(() => browser.close());
  return {
    async open(url, options) {
      const page = await openPage(browser, url, options);
      pages.push(page);
      return page;
    },
  };
}

export async function startChromium(): Promise<Browser> {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  const args = [
    // A container may give little shared memory.
    '--disable-dev-shm-usage',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  return chromium.launch({ executablePath, args });
}

export async function openPage(
  browser: Browser,
  url: string,
  { expected = /^$/, ...options }: PageOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const said: string[] = [];
  problems.set(page, said);
  const tell = (text: string): void => {
    if (!expected.test(text)) said.push(text);
  };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') tell(message.text());
  });
  page.on('pageerror', (error) => {
    tell(String(error));
  });
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => console.error('CSP', event.violatedDirective, event.blockedURI))`,
  );
  await page.goto(url);
  return page;
}

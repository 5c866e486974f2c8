import { expect } from 'chai';

import { closeAfterAll } from '../support/closing.js';
import { startServer, type TestServer } from '../support/server.js';
import { useBrowser } from './support/browser.js';

const WRONG: readonly (readonly [field: string, value: unknown])[] = [
  ['risk_mode', 'BRAVE'],
  ['risk_mode', 3],
  ['max_risk_per_trade', 0],
  ['max_risk_per_trade', 1.5],
  ['max_risk_per_trade', '0.1'],
  ['max_positions', 0],
  ['max_positions', 101],
  ['max_positions', 2.5],
  ['global_min_confidence', -0.1],
  ['global_min_confidence', true],
  ['allowed_symbols', 'BTCUSDT'],
  ['allowed_symbols', ['BTCUSDT', '']],
  ['allowed_strategies', ['x'.repeat(129)]],
  ['allowed_symbols', ['two\nlines']],
  ['allowed_symbols', [7]],
  ['opp_rankings', { BTCUSDT: 1.1 }],
  ['opp_rankings', { BTCUSDT: 'high' }],
  ['opp_rankings', { constructor: 0.5 }],
  ['opp_rankings', { '': 0.5 }],
  ['model_versions', { trend: '' }],
  ['model_versions', { trend: 7 }],
  ['custom_params', { a: { constructor: 1 } }],
  ['custom_params', { a: [1, null] }],
];

const RIGHT: readonly (readonly [field: string, value: unknown])[] = [
  ['risk_mode', 'DEFENSIVE'],
  ['max_risk_per_trade', 1],
  ['max_positions', 100],
  ['global_min_confidence', 0],
  ['allowed_symbols', ['BTCUSDT', 'Ünïcode – ok']],
  ['opp_rankings', { BTCUSDT: 0, ETHUSDT: 1 }],
  ['model_versions', { trend: 'v7' }],
  ['custom_params', { a: { b: [1, 'x', true, { c: [] }] } }],
];

describe('the rules that the console checks while one types', () => {
  const keep = closeAfterAll();
  const pages = useBrowser();
  let server: TestServer;
  let schema: unknown;

  before(async () => {
    server = keep(await startServer(), (started) => started.close());
    schema = await (await fetch(`http://${server.httpAddress}/api/policy/schema`)).json();
  });

  /** What the console's own module finds, in a browser. */
  async function findings(values: typeof WRONG): Promise<string[][]> {
    const page = await pages.open(`http://${server.httpAddress}/`);
    return page.evaluate(
      `import('/console/state/validate.js').then(({ check }) => {
        const schema = ${JSON.stringify(schema)};
        return ${JSON.stringify(values)}.map(([field, value]) =>
          check(schema, schema.properties[field], value).map(({ message }) => message));
      })`,
    );
  }

  async function refused(field: string, value: unknown): Promise<string[]> {
    const response = await fetch(`http://${server.httpAddress}/api/policy?validate_only=true`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ [field]: value }),
    });
    if (response.ok) return [];
    const { detail } = (await response.json()) as { detail: { msg: string }[] };
    return detail.map(({ msg }) => msg);
  }

  it('refuse what the server refuses, in the same words', async () => {
    const found = await findings(WRONG);

    for (const [i, [field, value]] of WRONG.entries()) {
      const words = await refused(field, value);
      expect(words, `${field} ${JSON.stringify(value)} at the server`).not.to.deep.equal([]);
      expect(found[i], `${field} ${JSON.stringify(value)}`).to.deep.equal(words);
    }
  });

  it('let pass what the server lets pass', async () => {
    const found = await findings(RIGHT);

    for (const [i, [field, value]] of RIGHT.entries()) {
      expect(await refused(field, value), field).to.deep.equal([]);
      expect(found[i], field).to.deep.equal([]);
    }
  });
});

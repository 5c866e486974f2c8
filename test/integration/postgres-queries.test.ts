import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

import { PolicyClient, RiskMode } from '@policystore/client';
import type { Timestamp } from '@policystore/client/proto';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterAll } from '../support/closing.js';
import { plainPostgres, type TestPostgres } from '../support/postgres.js';
import { until } from '../support/process.js';

const PAGE = new URL('../../docs/operations/postgres.md', import.meta.url);

/** What the page asks, and the SQL below each question. */
async function readQueries(): Promise<Map<string, string>> {
  const page = await readFile(PAGE, 'utf8');
  const section = page.split(/^## /m).find((each) => each.startsWith('Queries\n')) ?? '';
  const blocks = section.matchAll(/^([^\n]+)\n\n```sql\n(.+?)^```$/gms);
  return new Map(Array.from(blocks, ([, question, sql]) => [question!, sql!]));
}

/** As the driver gives it. */
interface Interval {
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

function millis({ minutes = 0, seconds = 0, milliseconds = 0 }: Interval): number {
  return (minutes * 60 + seconds) * 1000 + milliseconds;
}

function millisOf({ seconds, nanos }: Timestamp): number {
  return seconds * 1000 + Math.floor(nanos / 1_000_000);
}

describe('the queries of the page about PostgreSQL', () => {
  const keep = closeAfterAll();
  let postgres: TestPostgres;
  let queries: Map<string, string>;
  /** Of namespace default, as the server tells it: when each revision was committed. */
  let committed: Map<number, Date>;
  /** When each override came into force, in milliseconds since the Unix epoch. */
  let began: Map<string, number>;
  let epochs: Record<string, string>;

  before('a server is written to', async () => {
    queries = await readQueries();
    postgres = keep(await plainPostgres(), (it) => it.close());
    const env = { POLICY_STORE: postgres.url, POLICY_NAMESPACES: 'default,paper' };
    const { address } = keep(await startBuiltServer(env), (it) => it.stop());
    const client = (name: string, namespace = 'default'): PolicyClient =>
      keep(new PolicyClient({ addresses: address, name, namespace }), (it) => it.close());
    const [msc, ranker, officer] = [client('msc_ai'), client('opportunity_ranker'), client('risk_officer')];
    const paper = client('msc_ai', 'paper');

    await ranker.patch({ oppRankings: { put: { SOL: 0.95, ETH: 0.9, ADA: 0.2, BTC: 0.9 } } });
    await msc.patch({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 }, { reason: 'calm' });
    await officer.override({ reason: 'drawdown 4 %' });
    await msc.patch({ riskMode: RiskMode.DEFENSIVE }, { reason: 'volatile' });
    await officer.override({
      name: 'ban-BTC',
      limits: { blockSymbols: ['BTC'] },
      ttlMs: 1,
      reason: 'venue halted',
    });
    await until(async () => (await officer.get()).policy.overrides.length === 1);
    await officer.restore('circuit-breaker', { reason: 'all clear' });
    const few = { name: 'few', limits: { maxPositions: 7 }, reason: 'wrong prices' };
    await postgres.query("BEGIN; SELECT FROM policystore_heads WHERE namespace = 'default' FOR UPDATE");
    expect((await officer.override(few)).override?.pending).to.equal(true);
    await setTimeout(200);
    await postgres.query('COMMIT');
    await until(async () => !(await officer.get()).policy.overrides.some(({ pending }) => pending));
    await msc.override({ ...few, limits: { maxPositions: 6 }, reason: 'still wrong' });
    await ranker.patch({ oppRankings: { put: { SOL: 0.1 } } });
    await paper.patch({ maxPositions: 9 });

    committed = new Map();
    began = new Map();
    for await (const { version, commitTime, overrides } of msc.history()) {
      committed.set(version.revision, commitTime);
      for (const { name, since } of overrides?.after ?? []) began.set(name, millisOf(since!));
    }
    epochs = { default: (await msc.get()).version.epoch, paper: (await paper.get()).version.epoch };
    await postgres.query(
      "UPDATE policystore_log SET commit_time = commit_time - 8 * 86400 * 1e6 WHERE summary ->> 'kind' = 'CREATE'",
    );
  });

  /** The answer to a question of the page. */
  function ask(question: string): Promise<Record<string, unknown>[]> {
    return postgres.query(queries.get(question) ?? expect.fail(`the page does not ask: ${question}`));
  }

  /** When an override was in force, at most to a revision. */
  function span(name: string, to?: number): Record<string, unknown> {
    const until = to === undefined ? null : committed.get(to);
    return { namespace: 'default', name, since: new Date(began.get(name)!), until };
  }

  it('are five', () => {
    expect(queries).to.have.lengthOf(5);
  });

  it('tell what is in force', async () => {
    const [first, second, ...more] = await ask('What is in force now, in every namespace?');
    expect(first).to.deep.equal({
      namespace: 'default',
      trading_state: 'ACTIVE',
      risk_mode: 'DEFENSIVE',
      max_positions: 6,
      version: `${epochs['default']}:11`,
      last_updated: committed.get(11),
    });
    expect(second).to.include({
      namespace: 'paper',
      risk_mode: 'NORMAL',
      max_positions: 9,
      version: `${epochs['paper']}:2`,
    });
    expect(more).to.be.empty;
  });

  it('tell which symbols are ranked highest', async () => {
    expect(await ask('Which symbols are ranked highest?')).to.deep.equal([
      { symbol: 'BTC', score: 0.9 },
      { symbol: 'ETH', score: 0.9 },
      { symbol: 'ADA', score: 0.2 },
      { symbol: 'SOL', score: 0.1 },
    ]);
  });

  it('tell who changed the risk mode in the last day', async () => {
    const rows = await ask('Who changed the risk mode in the last day, from what to what?');
    expect(rows).to.deep.equal([
      {
        commit_time: committed.get(5),
        actor: 'msc_ai',
        before: 'AGGRESSIVE',
        after: 'DEFENSIVE',
        reason: 'volatile',
      },
      {
        commit_time: committed.get(3),
        actor: 'msc_ai',
        before: 'NORMAL',
        after: 'AGGRESSIVE',
        reason: 'calm',
      },
    ]);
  });

  it('count what each actor did in the last week', async () => {
    const rows = await ask('How often did each actor write in the last week, and what?');
    expect(rows.map(({ actor, kind, changes }) => [actor, kind, changes])).to.deep.equal([
      ['msc_ai', 'PATCH', '3'],
      ['risk_officer', 'OVERRIDE', '3'],
      ['opportunity_ranker', 'PATCH', '2'],
      ['msc_ai', 'OVERRIDE', '1'],
      ['risk_officer', 'RESTORE', '1'],
      ['system', 'EXPIRE', '1'],
    ]);
    expect(rows.map(({ latest }) => latest).slice(1)).to.deep.equal(
      [9, 11, 10, 8, 7].map((revision) => committed.get(revision)),
    );
  });

  it('tell when which override was in force', async () => {
    const rows = await ask('When was trading limited, by which override, and for how long?');
    expect(rows.map(({ lasted: _, ...row }) => row)).to.deep.equal([
      { ...span('few'), actor: 'msc_ai', reason: 'still wrong' },
      { ...span('ban-BTC', 7), actor: 'risk_officer', reason: 'venue halted' },
      { ...span('circuit-breaker', 8), actor: 'risk_officer', reason: 'drawdown 4 %' },
    ]);
    // It was pending for a while.
    expect(Number(committed.get(9)) - Number(began.get('few'))).to.be.at.least(150);
    const lasted = rows.map((row) => millis(row['lasted'] as Interval));
    expect(lasted[0]).to.be.above(0);
    expect(lasted[1]).to.be.closeTo(Number(committed.get(7)) - Number(began.get('ban-BTC')), 1);
    expect(lasted[2]).to.be.closeTo(Number(committed.get(8)) - Number(began.get('circuit-breaker')), 1);
  });
});

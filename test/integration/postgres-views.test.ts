import { ChangeKind, type GetResponse, type Limits, TradingState, View } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { effectivePolicy, effectiveState } from '../../server/src/domain/effective.js';
import { fieldWrites } from '../../server/src/domain/fields.js';
import { overrideWrites } from '../../server/src/domain/override-fields.js';
import { overrideJson } from '../../server/src/domain/override-json.js';
import { changeOverrides, microsOf, type Overrides } from '../../server/src/domain/overrides.js';
import { emptyPatch, replacement } from '../../server/src/domain/patch/patch.js';
import { FIELDS, type JsonObject, type Policy } from '../../server/src/domain/policy.js';
import { presetPolicy } from '../../server/src/domain/presets.js';
import type { HistoryQuery } from '../../server/src/engine/types.js';
import { toJsonb } from '../../server/src/store/postgres/jsonb.js';
import { createPostgresStore } from '../../server/src/store/postgres/store.js';
import {
  arbLimits,
  arbOverrides,
  arbPolicy,
  arbSmallLimits,
  arbSmallPolicy,
} from '../support/arbitraries.js';
import { closeAfterAll } from '../support/closing.js';
import { policyOf, ROOMY, startEngine, type TestEngine } from '../support/engine.js';
import { limits, override } from '../support/overrides.js';
import { policyJson } from '../support/policy-json.js';
import { plainPostgres, type TestPostgres } from '../support/postgres.js';
import { uniqueNamespace } from '../support/store-builders.js';

interface StoredPolicy {
  readonly policy_json: JsonObject;
  readonly base_json: JsonObject;
  readonly version: string;
  readonly trading_state: string;
  /** Microseconds since the Unix epoch. */
  readonly last_updated: number;
}

interface StoredChange {
  readonly version: string;
  readonly commit_time: number;
  readonly kind: string;
  readonly actor: string;
  readonly reason: string;
  readonly request_id: string;
  readonly fields: string[];
  readonly changes: JsonObject;
  readonly overrides: JsonObject | null;
}

const EVERYTHING: HistoryQuery = {
  pageSize: 100,
  ...{ pageToken: '', actor: '', fields: [], kinds: [], from: undefined, to: undefined },
};

const micros = (column: string): string => `(extract(epoch FROM ${column}) * 1000000)::float8 AS ${column}`;

/** As jsonb keeps it. */
function kept(value: unknown): unknown {
  return JSON.parse(toJsonb(value));
}

function timeText(time: number): string {
  const millis = Math.floor(time / 1000);
  return new Date(millis).toISOString().replace('Z', `${String(time - millis * 1000).padStart(3, '0')}Z`);
}

/** What the views say of a state, by what the domain says. */
function expected(base: Policy, overrides: Overrides, time: number): [inForce: unknown, base: unknown] {
  const said = { last_updated: timeText(time) };
  const inForce = {
    ...policyJson(effectivePolicy(base, overrides)),
    ...said,
    trading_state: TradingState[effectiveState(overrides)],
    overrides: overrides.map(overrideJson),
  };
  return [kept(inForce), kept({ ...policyJson(base), ...said })];
}

describe('the views of PostgreSQL', () => {
  const keep = closeAfterAll();
  let postgres: TestPostgres;

  before(async () => {
    postgres = keep(await plainPostgres(), (it) => it.close());
    const store = createPostgresStore(postgres.url, ROOMY);
    await store.connect();
    await store.close();
  });

  async function stored(namespace: string): Promise<StoredPolicy | undefined> {
    const [row] = await postgres.query<StoredPolicy>(
      `SELECT policy_json, base_json, version, trading_state, ${micros('last_updated')}
       FROM policy_store WHERE namespace = $1`,
      [namespace],
    );
    return row;
  }

  /** Puts a checkpoint there, as a commit would. */
  async function store(base: Policy, overrides: Overrides, time: number): Promise<string> {
    const namespace = uniqueNamespace();
    const created = { patch: replacement(base), inverse: emptyPatch(), fields: [...FIELDS] };
    const writes = [
      ...fieldWrites(created, base),
      ...overrideWrites({ before: [], after: [...overrides] }),
      ['@lineage', 'e1:3:3'],
    ];
    await postgres.query(
      `INSERT INTO policystore_heads (namespace, epoch, revision, commit_time) VALUES ($1, 'e2', 7, $2)`,
      [namespace, time],
    );
    await postgres.query(
      'INSERT INTO policystore_fields SELECT $1, field, value FROM unnest($2::text[], $3::text[]) AS w (field, value)',
      [namespace, writes.map(([field]) => field), writes.map(([, value]) => value)],
    );
    return namespace;
  }

  async function expectStored(
    base: Policy,
    overrides: Overrides,
    time = 1_700_000_000_123_456,
  ): Promise<void> {
    const row = await stored(await store(base, overrides, time));
    const [inForce, beneath] = expected(base, overrides, time);
    expect(row).to.deep.equal({
      policy_json: inForce,
      base_json: beneath,
      version: 'e2:7',
      trading_state: TradingState[effectiveState(overrides)],
      last_updated: time,
    });
  }

  describe('policy_store', () => {
    const arbText = fc
      .array(fc.constantFrom('\\', 'u0000', '\0', '\ud800', '\udc00', '"', '🚀', 'ud800', '\x01'), {
        maxLength: 6,
      })
      .map((parts) => parts.join(''));
    /** Few names, so that overrides meet them, or names of every kind; sometimes with limits of a newer server. */
    const arbState = fc
      .tuple(
        fc.oneof(fc.tuple(arbSmallPolicy, arbSmallLimits), fc.tuple(arbPolicy, arbLimits)),
        arbOverrides,
        fc.tuple(arbText, arbText),
        fc.constantFrom<Partial<Limits>>({}, {}, {}, { tradingState: 9 as never }, { riskMode: -1 as never }),
      )
      .map(([[policy, bounds], overrides, [key, reason], unknown]): [Policy, Overrides] => {
        const last = override({ name: 'last', limits: { ...bounds, ...unknown }, reason });
        const customParams = { ...policy.customParams, [key]: [reason, { [reason]: key }] };
        const inForce =
          overrides.length === 0 ? [] : changeOverrides(overrides, { before: [], after: [last] });
        return [{ ...policy, customParams }, inForce];
      });

    it('says what the domain says of any policy and any overrides', async () => {
      const arbMicros = fc.integer({ min: 0, max: Date.UTC(2100, 0) * 1000 });
      await fc.assert(
        fc.asyncProperty(arbState, arbMicros, async ([policy, overrides], time) => {
          await expectStored(policy, overrides, time);
        }),
        { numRuns: 60 },
      );
    });

    it('shows every field of a policy that has nothing in it', async () => {
      const namespace = await store(presetPolicy('conservative'), [], 1_700_000_000_000_000);
      const everywhere = {
        risk_mode: 'DEFENSIVE',
        allowed_strategies: [],
        allowed_symbols: [],
        max_risk_per_trade: 0.005,
        max_positions: 5,
        global_min_confidence: 0.75,
        opp_rankings: {},
        model_versions: {},
        system_health: {},
        custom_params: {},
        last_updated: '2023-11-14T22:13:20.000000Z',
      };
      const row = await stored(namespace);
      expect(row?.policy_json).to.deep.equal({ ...everywhere, trading_state: 'ACTIVE', overrides: [] });
      expect(row?.base_json).to.deep.equal(everywhere);
      await postgres.query(
        `DELETE FROM policystore_fields WHERE namespace = $1 AND (value = '[]' OR value = '{}')`,
        [namespace],
      );
      expect(await stored(namespace)).to.deep.equal(row);
    });

    it('blocks names in the order of the list, and all strategies where one override says so', async () => {
      const base = { ...presetPolicy('default'), allowedSymbols: ['C', 'A', 'D', 'B'] };
      base.allowedStrategies = ['trend', 'grid'];
      const one = override({ name: 'a', limits: limits({ blockSymbols: ['A', 'X'] }) });
      const other = override({
        name: 'b',
        limits: limits({ blockSymbols: ['B'], blockAllStrategies: true }),
      });
      const { policy_json: inForce } = (await stored(await store(base, [one, other], 0)))!;
      expect(inForce['allowed_symbols']).to.deep.equal(['C', 'D']);
      expect(inForce['allowed_strategies']).to.deep.equal([]);
      await expectStored(base, [one, other]);
    });

    it('has no row for a namespace that was never created', async () => {
      const namespace = uniqueNamespace();
      await postgres.query('INSERT INTO policystore_heads (namespace) VALUES ($1)', [namespace]);
      expect(await stored(namespace)).to.equal(undefined);
    });
  });

  describe('for a role that may read the views and nothing else', () => {
    const role = `analyst_${uniqueNamespace().replaceAll('-', '')}`;

    before(async () => {
      await postgres.query(`CREATE ROLE ${role}`);
      await postgres.query(`GRANT SELECT ON policy_store, policy_changes TO ${role}`);
    });
    beforeEach(() => postgres.query(`SET ROLE ${role}`));
    afterEach(() => postgres.query('RESET ROLE'));
    after(async () => {
      await postgres.query(`DROP OWNED BY ${role}`);
      await postgres.query(`DROP ROLE ${role}`);
    });

    it('answer, wherever it looks for names first', async () => {
      await postgres.query(`SET search_path = pg_temp`);
      try {
        const [row] = await postgres.query<{ policies: number }>(
          'SELECT count(policy_json)::int AS policies FROM public.policy_store',
        );
        expect(row!.policies).to.be.above(0);
        await postgres.query('SELECT * FROM public.policy_changes');
      } finally {
        await postgres.query('RESET search_path');
      }
    });

    it('leave the tables closed', async () => {
      for (const table of ['policystore_heads', 'policystore_fields', 'policystore_log']) {
        const error = await postgres.query(`SELECT * FROM ${table}`).then(
          () => undefined,
          (refusal: unknown) => String(refusal),
        );
        expect(error).to.equal(`error: permission denied for table ${table}`);
      }
    });
  });

  describe('beside a server that is written to', () => {
    let engine: TestEngine;

    before(async () => {
      engine = keep(await startEngine({ store: createPostgresStore(postgres.url, ROOMY) }), (it) =>
        it.close(),
      );
    });

    async function expectSame(): Promise<void> {
      // What took the store long is pending until it answers.
      const inForce = await engine.query({ fresh: true });
      const base = engine.get(View.BASE);
      expect(await stored('default')).to.deep.equal({
        policy_json: { ...shown(inForce), trading_state: stateOf(inForce), overrides: overridesOf(inForce) },
        base_json: shown(base),
        version: `${inForce.version!.epoch}:${inForce.version!.revision}`,
        trading_state: stateOf(inForce),
        last_updated: microsOf(inForce.policy!.lastUpdated!),
      });
    }

    it('say the same as Get after every change, and the same as ListChanges', async () => {
      await expectSame();
      await engine.patch(
        {
          allowedSymbols: { clear: false, remove: [], add: ['BTCUSDT', 'DOGEUSDT', '🚀'] },
          oppRankings: { clear: false, remove: [], put: new Map([['BTCUSDT', 0.1 + 0.2]]) },
          modelVersions: { clear: false, remove: [], put: new Map([['a:b', 'v1']]) },
          systemHealth: { cpu: { load: 5e-324 } },
        },
        { actor: 'msc_ai', reason: 'first', requestId: 'r-1' },
      );
      await expectSame();
      const bounds = { maxPositions: 2, blockSymbols: ['DOGEUSDT'], tradingState: TradingState.REDUCE_ONLY };
      await engine.override(
        { name: 'ban', limits: bounds, ttlMs: 3_600_000 },
        { reason: 'a "reason" \\ of é' },
      );
      await expectSame();
      await engine.override({}, { reason: 'drawdown' });
      await engine.patch({ maxPositions: 20, customParams: { a: [1, 'x'] } });
      await expectSame();
      await engine.restore('ban', { reason: 'over' });
      await expectSame();
      await engine.rollback(1, [], { reason: 'back' });
      await expectSame();
      await postgres.query('UPDATE policystore_heads SET revision = revision');
      await engine.patch({ maxPositions: 9 }, { reason: 'after an interruption' });
      await expectSame();

      const changes = await postgres.query<StoredChange>(
        `SELECT version, ${micros('commit_time')}, kind, actor, reason, request_id, fields, changes, overrides
         FROM policy_changes WHERE namespace = 'default' ORDER BY revision DESC`,
      );
      expect(changes.map(({ kind }) => kind).reverse()).to.deep.equal([
        ...['CREATE', 'PATCH', 'OVERRIDE', 'OVERRIDE', 'PATCH', 'RESTORE', 'ROLLBACK', 'RECOVER', 'PATCH'],
      ]);
      const { entries } = await engine.namespace.changes(EVERYTHING);
      expect(changes).to.deep.equal(
        entries.map(({ change, fields }): StoredChange => {
          const { version, commitTime, kind, actor, reason, requestId, overrides } = change!;
          return {
            version: `${version!.epoch}:${version!.revision}`,
            commit_time: microsOf(commitTime!),
            kind: ChangeKind[kind],
            ...{ actor, reason, request_id: requestId },
            fields: fields.map(({ field }) => field).sort(),
            changes: kept(
              Object.fromEntries(fields.map(({ field, ...sides }) => [field, sides])),
            ) as JsonObject,
            overrides: overrides
              ? { before: overrides.before.map(overrideJson), after: overrides.after.map(overrideJson) }
              : null,
          };
        }),
      );
    });
  });
});

function shown({ policy }: GetResponse): object {
  return {
    ...(kept(policyJson(policyOf(policy))) as object),
    last_updated: timeText(microsOf(policy!.lastUpdated!)),
  };
}

function stateOf({ policy }: GetResponse): string {
  return TradingState[policy!.tradingState];
}

function overridesOf({ policy }: GetResponse): unknown[] {
  return changeOverrides([], { before: [], after: policy!.overrides }).map(overrideJson);
}

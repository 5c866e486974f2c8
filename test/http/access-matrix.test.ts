import type { GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';

import { type FieldName, FIELDS, type Json } from '../../server/src/domain/policy.js';
import { messageAnswer } from '../../server/src/http/json/policies.js';
import { beforeReset, ENDS, GIVEN, withField } from '../support/access-matrix/policies.js';
import { type Row, ROWS, type Towards } from '../support/access-matrix/table.js';
import {
  type MatrixWorld,
  othersOverride,
  ownOverride,
  startMatrix,
} from '../support/access-matrix/world.js';
import { http, type HttpAnswer } from '../support/http.js';

/** A request that changes one field, and no other. */
interface Change {
  readonly given: GlobalPolicy;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

const json = (policy: GlobalPolicy): Record<string, Json> => messageAnswer(policy, 'Z');

/** How a merge moves one field of what is given. */
function mergeOf(field: FieldName, towards: Towards): Json {
  switch (field) {
    case 'opp_rankings':
      return towards === 'tighten' ? { B: null } : { C: 0.5 };
    case 'model_versions':
    case 'system_health':
    case 'custom_params':
      return towards === 'tighten' ? { B: null } : { C: 'ok' };
    default:
      return json(ENDS[towards])[field] ?? null;
  }
}

/** How each request changes one field; undefined: it cannot. */
const CALLS: Readonly<
  Record<string, (field: FieldName, towards: Towards, world: MatrixWorld) => Change | undefined>
> = {
  'PUT of a policy': (field, towards) => ({
    given: GIVEN,
    method: 'PUT',
    path: '',
    body: json(withField(GIVEN, field, ENDS[towards])),
  }),
  'PATCH of a policy': (field, towards) => ({
    given: GIVEN,
    method: 'PATCH',
    path: '',
    body: { [field]: mergeOf(field, towards) },
  }),
  'POST of a reset': (field, towards) => {
    const given = beforeReset(field, towards);
    return given && { given, method: 'POST', path: '/reset' };
  },
  'POST of a rollback': (field, towards, { revisions }) => ({
    given: GIVEN,
    method: 'POST',
    path: `/rollback/${String(revisions[towards])}`,
    body: { fields: [field] },
  }),
  'POST of a risk mode': (field, towards) =>
    field === 'risk_mode'
      ? {
          given: GIVEN,
          method: 'POST',
          path: towards === 'tighten' ? '/risk_mode/defensive' : '/risk_mode/aggressive',
        }
      : undefined,
};

describe('the matrix of rights, over REST', function () {
  this.timeout(120_000);
  let world: MatrixWorld;
  before(async () => {
    world = await startMatrix();
  });
  after(() => world.close());

  const ask = (identity: string, method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
    http(world.http, method, `/api/policy${path}`, { headers: world.headersOf(identity), body });
  const head = async (): Promise<string> => String((await ask('operator', 'GET', '')).headers.etag);

  /** Makes a request of which the table says whether it is allowed; one that is refused changes nothing. */
  async function cell(
    what: string,
    isAllowed: boolean,
    call: () => Promise<HttpAnswer>,
  ): Promise<HttpAnswer> {
    const before = await head();
    const answer = await call();
    expect(answer.status, `${what}: ${answer.text}`).to.equal(isAllowed ? 200 : 403);
    if (isAllowed) return answer;
    expect(answer.headers['x-policy-error'], what).to.equal('PERMISSION_DENIED');
    expect(await head(), what).to.equal(before);
    return answer;
  }

  for (const [name, changeOf] of Object.entries(CALLS)) {
    for (const query of ['', '?validate_only=true']) {
      it(`holds for a ${name}${query}, by identity, field and direction`, async () => {
        for (const row of ROWS) {
          for (const field of FIELDS) {
            for (const towards of ['tighten', 'loosen'] as const) {
              const change = changeOf(field, towards, world);
              if (change === undefined) continue;
              await world.give(change.given);
              const isAllowed = row.mayChange(field, towards);
              const what = `${name} by ${row.identity} to ${towards} ${field}`;
              const before = await head();
              const { text } = await cell(what, isAllowed, () =>
                ask(row.identity, change.method, change.path + query, change.body),
              );
              if (!isAllowed && row.may.has('read')) expect(text, what).to.include(field);
              if (!isAllowed) continue;
              expect((await head()) === before, what).to.equal(query !== '');
              if (query === '') world.changed();
            }
          }
        }
      });
    }
  }

  it('holds for overrides, by identity, ttl, and whose they are', async () => {
    for (const row of ROWS) {
      const { identity, may } = row;
      for (const ttl_seconds of [undefined, 3600]) {
        const body = { name: 'matrix', limits: { max_positions: 1 }, reason: 'a cell', ttl_seconds };
        const isAllowed = may.has('trip') && (ttl_seconds === undefined || may.has('ttl'));
        const what = `an override by ${identity}${ttl_seconds === undefined ? '' : ' with a ttl'}`;
        await cell(what, isAllowed, () => ask(identity, 'POST', '/overrides', body));
        if (isAllowed) await ask('operator', 'DELETE', '/overrides/matrix');
      }
      const rights: [right: string, name: string][] = [
        ['restore-own', ownOverride(identity)],
        ['restore-others', othersOverride(identity)],
      ];
      for (const [right, name] of rights) {
        const path = `/overrides/${encodeURIComponent(name)}`;
        await cell(`a restore by ${identity} of what is ${name}`, may.has(right), () =>
          ask(identity, 'DELETE', path),
        );
      }
    }
  });

  it('holds for everything that is read, by identity, and is told as it is', async () => {
    const paths: [right: string, paths: string[]][] = [
      [
        'read',
        ['', '/status', '/risk_mode', '/allowed_symbols', '/model_versions', '/overrides', '/guardrails'],
      ],
      ['history', ['/history', '/history/3', '/authors', `/history/at?time=${new Date().toISOString()}`]],
      ['fleet', ['/fleet']],
    ];
    for (const { identity, may } of ROWS) {
      for (const [right, some] of paths) {
        for (const path of some) {
          await cell(`GET ${path} by ${identity}`, may.has(right), () => ask(identity, 'GET', path));
        }
      }
      if (!may.has('read'))
        await cell(`GET /watch by ${identity}`, false, () => ask(identity, 'GET', '/watch'));
    }
  });

  it('is what an identity is told of its rights', async () => {
    for (const row of ROWS) {
      const { identity, may } = row;
      const { rights } = (await ask(identity, 'GET', '/access?namespace=default')).json as { rights: Told };
      expect(rights, identity).to.deep.include({
        read: may.has('read'),
        trip: may.has('trip'),
        restore_own: may.has('restore-own'),
        restore_others: may.has('restore-others'),
        history: may.has('history'),
        fleet: may.has('fleet'),
        write: FIELDS.filter((field) => row.mayChange(field, 'loosen')),
      });
      const tightens = (field: FieldName): boolean => mayOnlyTighten(row, field);
      expect(rights.tighten, identity).to.include.members(FIELDS.filter(tightens));
    }
  });
});

interface Told {
  readonly tighten: readonly FieldName[];
}

function mayOnlyTighten(row: Row, field: FieldName): boolean {
  return row.mayChange(field, 'tighten') && !row.mayChange(field, 'loosen');
}

import { randomUUID } from 'node:crypto';

import type { Check } from './check.js';
import { bareTime, detail, etag, limits, override, policyWith, time, violations } from './policy-shape.js';
import {
  type Answer,
  type CallOptions,
  expectBody,
  expectHeader,
  expectStatus,
  type Session,
  Unexpected,
} from './session.js';
import { equal, having, object, oneOf, type Shape, that } from './shape.js';

const changed = object({ policy: policyWith(bareTime), timestamp: bareTime });

/** Writes that change nothing anybody trades by, and how to undo them. */
export interface WriteChecks {
  readonly checks: readonly Check[];
  /** Takes back what the checks left. Answers what it could not take back, in words. */
  readonly undo: (session: Session) => Promise<readonly string[]>;
}

export function createWriteChecks(): WriteChecks {
  // Nobody else's, so that taking it away harms nobody.
  const key = `rest_check_${randomUUID().slice(0, 8)}`;
  const name = `rest-check-${randomUUID().slice(0, 8)}`;
  const removal = { json: { custom_params: { [key]: null }, opp_rankings: { [key]: null } } };
  const patch = async ({ call }: Session, value: unknown, options: CallOptions = {}): Promise<Answer> =>
    call('PATCH /api/policy', { json: { custom_params: { [key]: value } }, ...options });
  const holds = (answer: Answer, value: unknown): void => {
    expectStatus(answer, 200);
    expectBody(answer, changed);
    expectBody(answer, having({ policy: having({ custom_params: having({ [key]: equal(value) }) }) }));
  };

  const checks: readonly Check[] = [
    refusal('that names no field', 'PATCH /api/policy', equal('No fields provided for update'), {
      json: { risk_mode: null },
    }),
    refusal(
      'of a mode that there is not',
      'POST /api/policy/risk_mode/FOO',
      equal('Invalid risk mode: FOO. Must be AGGRESSIVE, NORMAL, or DEFENSIVE'),
    ),
    // Such that no harm is done where a server takes it after all.
    invalid('an unknown key', { custom_param: {} }),
    invalid('a text where a number belongs', { opp_rankings: { [key]: 'high' } }),
    invalid('what is not JSON', `{"custom_params":{"${key}":`),
    {
      title: 'PATCH /api/policy writes, and answers the policy after it with its ETag',
      async run(session) {
        const answer = await patch(session, { a: { b: 1, c: 2 }, list: [1, 2] });
        holds(answer, { a: { b: 1, c: 2 }, list: [1, 2] });
        expectHeader(answer, 'etag', etag);
      },
    },
    {
      title: 'PATCH /api/policy merges deeply: maps merge, lists replace, null removes',
      async run(session) {
        holds(await patch(session, { a: { b: null, d: 3 }, list: [3] }), { a: { c: 2, d: 3 }, list: [3] });
      },
    },
    {
      title: 'PATCH /api/policy under one Idempotency-Key is done once, and then replayed',
      async run(session) {
        const headers = { 'idempotency-key': randomUUID(), 'x-policy-reason': 'rest-check' };
        holds(await patch(session, 'once', { headers }), 'once');
        const again = await patch(session, 'once', { headers });
        expectStatus(again, 200);
        expectHeader(again, 'x-policy-replayed', equal('true'));
      },
    },
    {
      title: 'PATCH /api/policy with If-Match of another version is refused (412)',
      async run(session) {
        const answer = await patch(session, 'never', { headers: { 'if-match': '"no-such-epoch:1"' } });
        expectStatus(answer, 412);
        expectBody(answer, detail);
      },
    },
    {
      title: 'PATCH /api/policy?validate_only=true answers as if, and commits nothing',
      async run({ call }) {
        const json = { custom_params: { [key]: 'tried' } };
        expectStatus(await call('PATCH /api/policy?validate_only=true', { json }), 200);
        const held = that('not what was only tried', (value) => value !== 'tried');
        const shape = having({ policy: having({ custom_params: having({ [key]: held }) }) });
        expectBody(await call('GET /api/policy'), shape);
      },
    },
    {
      title: 'POST /api/policy/risk_mode/{mode} takes any letter case (only validated)',
      mayBeDenied: true,
      async run({ call }) {
        const answer = await call('POST /api/policy/risk_mode/dEfEnSiVe?validate_only=true');
        expectStatus(answer, 200);
        expectBody(answer, object({ ...limits, timestamp: bareTime }));
      },
    },
    {
      title:
        'POST /api/policy/overrides puts one in force (it blocks a symbol that is none), DELETE restores it',
      mayBeDenied: true,
      async run({ call }) {
        // Its time ends it where this program is ended before it can.
        const json = { name, reason: 'rest-check', ttl_seconds: 60, limits: { block_symbols: [name] } };
        const posted = await call('POST /api/policy/overrides', { json });
        // While the store is away it is in force all the same, and told apart by its status.
        if (posted.status !== 202) expectStatus(posted, 200);
        expectBody(posted, object({ override, policy: policyWith(time), timestamp: time }));
        const restored = await call(`DELETE /api/policy/overrides/${name}`);
        expectStatus(restored, 200);
        expectBody(restored, object({ policy: policyWith(time), timestamp: time }));
      },
    },
    {
      title: 'PATCH /api/policy with null takes a key away',
      async run({ call }) {
        const answer = await call('PATCH /api/policy', removal);
        expectStatus(answer, 200);
        const { policy } = expectBody(answer, changed) as { policy: { custom_params: object } };
        const wrong = oneOf(undefined)(Reflect.get(policy.custom_params, key), `policy.custom_params.${key}`);
        if (wrong) throw new Unexpected(answer, wrong);
      },
    },
  ];

  return {
    checks,
    async undo({ call }) {
      const left: string[] = [];
      const params = await call('PATCH /api/policy', removal);
      if (params.status !== 200)
        left.push(`${key} may still be in custom_params and opp_rankings; remove it: ${params.curl}`);
      const ban = await call(`DELETE /api/policy/overrides/${name}`);
      if (![200, 403, 404].includes(ban.status))
        left.push(`the override ${name} ends within a minute: ${ban.curl}`);
      return left;
    },
  };
}

function refusal(what: string, request: string, said: Shape, options: CallOptions = {}): Check {
  return {
    title: `${request} ${what} is refused, to the letter (400)`,
    async run({ call }) {
      const answer = await call(request, options);
      expectStatus(answer, 400);
      expectBody(answer, object({ detail: said }));
    },
  };
}

function invalid(what: string, json: unknown): Check {
  return {
    title: `PATCH /api/policy refuses ${what} (422), and says where`,
    async run({ call }) {
      const answer = await call('PATCH /api/policy', { json });
      expectStatus(answer, 422);
      expectBody(answer, violations);
    },
  };
}

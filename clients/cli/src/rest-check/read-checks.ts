import type { Check } from './check.js';
import {
  bareTime,
  change,
  detail,
  etag,
  event,
  mode,
  override,
  policyWith,
  time,
  validFor,
  version,
} from './policy-shape.js';
import { type Answer, expectBody, expectHeader, expectStatus, Unexpected } from './session.js';
import { equal, having, listOf, mapOf, matching, number, object, type Shape, text } from './shape.js';

/** A GET that is answered with a body of that shape. */
function get(
  path: string,
  shape: Shape,
  {
    title,
    look,
    mayBeDenied = false,
  }: {
    title: string;
    /** Sees the answer too, with its body parsed. */
    look?: (answer: Answer, body: unknown) => void;
    mayBeDenied?: boolean;
  },
): Check {
  return {
    title,
    mayBeDenied,
    async run({ call }) {
      const answer = await call(`GET ${path}`);
      expectStatus(answer, 200);
      if (path.startsWith('/api/')) expectHeader(answer, 'x-policy-valid-for-ms', validFor);
      const body = expectBody(answer, shape);
      look?.(answer, body);
    },
  };
}

const policy = object({ policy: policyWith(bareTime), timestamp: bareTime });

/** They only look. */
export const READ_CHECKS: readonly Check[] = [
  get(
    '/api/policy/status',
    object({
      available: equal(true),
      current_risk_mode: mode,
      last_updated: bareTime,
      timestamp: bareTime,
    }),
    { title: 'GET /api/policy/status tells whether there is a policy to believe' },
  ),
  get('/api/policy', policy, {
    title: 'GET /api/policy answers the whole policy, with its version as ETag',
    look: (answer) => expectHeader(answer, 'etag', etag),
  }),
  get('/api/policy/', policy, { title: 'GET /api/policy/ with a trailing slash is the same' }),
  get('/api/policy/risk_mode', object({ risk_mode: mode, timestamp: bareTime }), {
    title: 'GET /api/policy/risk_mode answers the mode in force',
  }),
  get(
    '/api/policy/allowed_symbols',
    object({ allowed_symbols: listOf(text), count: number, timestamp: bareTime }),
    {
      title: 'GET /api/policy/allowed_symbols answers the symbols and how many they are',
      look(answer, body) {
        const { allowed_symbols, count } = body as { allowed_symbols: unknown[]; count: number };
        const wrong = equal(allowed_symbols.length)(count, 'count');
        if (wrong) throw new Unexpected(answer, wrong);
      },
    },
  ),
  get('/api/policy/model_versions', object({ model_versions: mapOf(text), timestamp: bareTime }), {
    title: 'GET /api/policy/model_versions answers the models in production',
  }),
  {
    title: 'GET /api/policy with If-None-Match is spared the transfer (304)',
    async run({ call }) {
      const tag = (await call('GET /api/policy')).headers.get('etag') ?? '';
      expectStatus(await call('GET /api/policy', { headers: { 'if-none-match': tag } }), 304);
    },
  },
  {
    title: 'GET /api/policy/watch streams events, the policy first',
    async run({ call }) {
      const answer = await call('GET /api/policy/watch', { headers: { accept: 'text/event-stream' } });
      expectStatus(answer, 200);
      expectHeader(answer, 'content-type', matching(/^text\/event-stream/, 'text/event-stream'));
      const line = (name: string): string =>
        new RegExp(`^${name}: ?(.*)$`, 'm').exec(answer.text)?.[1]?.trimEnd() ?? '';
      const wrong = equal('policy')(line('event'), 'event') ?? version(line('id'), 'id');
      if (wrong) throw new Unexpected(answer, wrong);
      expectBody(answer, event, line('data'));
    },
  },
  get('/api/policy/overrides', object({ overrides: listOf(override), timestamp: time }), {
    title: 'GET /api/policy/overrides lists what is in force',
  }),
  get(
    '/api/policy/history?page_size=5',
    object({ changes: listOf(change), next_page_token: text, oldest_version: version, timestamp: time }),
    { title: 'GET /api/policy/history lists the newest changes', mayBeDenied: true },
  ),
  get('/api/policy/fleet', having({ members: listOf(mapOf(() => undefined)), timestamp: time }), {
    title: 'GET /api/policy/fleet lists who runs what',
    mayBeDenied: true,
  }),
  get('/api/policy/schema', having({ properties: mapOf(() => undefined) }), {
    title: 'GET /api/policy/schema answers the JSON Schema of the policy',
  }),
  get(
    '/openapi.json',
    having({ openapi: matching(/^3\.1\./, 'version 3.1'), paths: mapOf(() => undefined) }),
    {
      title: 'GET /openapi.json describes the interface',
    },
  ),
  {
    title: 'GET /healthz says that the server lives',
    run: async ({ call }) => expectStatus(await call('GET /healthz'), 200),
  },
  {
    title: 'GET of a path that leads nowhere is 404, with a detail',
    async run({ call }) {
      const answer = await call('GET /api/policy/no-such-path');
      expectStatus(answer, 404);
      expectBody(answer, detail);
    },
  },
];

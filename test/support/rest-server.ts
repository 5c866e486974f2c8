import { expect } from 'chai';

import { closeAfterEach } from './closing.js';
import { http, type HttpAnswer, type Sent } from './http.js';
import { startServer, type TestServer } from './server.js';

export type PolicyAnswer = Record<string, unknown>;

/** REST of a server that is there anew for each test of the surrounding `describe`. */
export interface RestServer {
  /** @param path Behind `/api/policy`. */
  readonly call: (method: string, path: string, sent?: Sent) => Promise<HttpAnswer>;
  readonly patch: (body: unknown, headers?: Record<string, string>) => Promise<HttpAnswer>;
  readonly policy: (path?: string) => Promise<PolicyAnswer>;
}

export function restServer(): RestServer {
  const keep = closeAfterEach();
  let server: TestServer;
  beforeEach(async () => {
    server = keep(await startServer(), (it) => it.close());
  });
  const call = (method: string, path: string, sent?: Sent): Promise<HttpAnswer> =>
    http(server, method, `/api/policy${path}`, sent);
  return {
    call,
    patch: (body, headers = {}) => call('PATCH', '', { body, headers }),
    policy: async (path = '') => policyOf(await call('GET', path)),
  };
}

/** The policy that an answer shows. */
export function policyOf({ json, text }: HttpAnswer): PolicyAnswer {
  expect(json, text).to.have.property('policy');
  return (json as { policy: PolicyAnswer }).policy;
}

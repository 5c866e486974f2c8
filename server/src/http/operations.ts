/** One operation of the HTTP port. */
export interface Operation {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** As OpenAPI writes it. */
  readonly path: string;
  /** Another path of the same. */
  readonly alias?: string;
  /** Parameters behind the path, beside the namespace. */
  readonly query?: readonly string[];
  /** Whoever calls: nobody has to prove who it is. */
  readonly open?: boolean;
}

const WRITE = ['validate_only'];

/** Everything that the port serves beside the console. The router and the OpenAPI document are made of it. */
export const OPERATIONS = {
  getStatus: { method: 'GET', path: '/api/policy/status' },
  getPolicy: { method: 'GET', path: '/api/policy', alias: '/api/policy/', query: ['view'] },
  patchPolicy: { method: 'PATCH', path: '/api/policy', alias: '/api/policy/', query: WRITE },
  putPolicy: { method: 'PUT', path: '/api/policy', alias: '/api/policy/', query: WRITE },
  resetPolicy: { method: 'POST', path: '/api/policy/reset', query: WRITE },
  getRiskMode: { method: 'GET', path: '/api/policy/risk_mode' },
  setRiskMode: { method: 'POST', path: '/api/policy/risk_mode/{mode}', query: WRITE },
  getAllowedSymbols: { method: 'GET', path: '/api/policy/allowed_symbols' },
  getModelVersions: { method: 'GET', path: '/api/policy/model_versions' },
  watch: {
    method: 'GET',
    path: '/api/policy/watch',
    query: ['delivery', 'fields', 'heartbeat_ms', 'component', 'instance', 'last_event_id'],
  },
  listHistory: {
    method: 'GET',
    path: '/api/policy/history',
    query: ['page_size', 'page_token', 'actor', 'fields', 'kinds', 'from', 'to'],
  },
  getPast: { method: 'GET', path: '/api/policy/history/at', query: ['time'] },
  getRevision: { method: 'GET', path: '/api/policy/history/{revision}', query: ['epoch'] },
  getAuthors: { method: 'GET', path: '/api/policy/authors' },
  rollback: { method: 'POST', path: '/api/policy/rollback/{revision}', query: WRITE },
  listOverrides: { method: 'GET', path: '/api/policy/overrides' },
  putInForce: { method: 'POST', path: '/api/policy/overrides', query: WRITE },
  restore: { method: 'DELETE', path: '/api/policy/overrides/{name}', query: WRITE },
  getFleet: { method: 'GET', path: '/api/policy/fleet', query: ['component', 'version', 'timeout_ms'] },
  getAccess: { method: 'GET', path: '/api/policy/access' },
  getGuardrails: { method: 'GET', path: '/api/policy/guardrails' },
  getSchema: { method: 'GET', path: '/api/policy/schema', open: true },
  getOpenApi: { method: 'GET', path: '/openapi.json', open: true },
  getMetrics: { method: 'GET', path: '/metrics' },
  getHealth: { method: 'GET', path: '/healthz', open: true },
  getReadiness: { method: 'GET', path: '/readyz', open: true },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
export const OPERATION_IDS = Object.keys(OPERATIONS) as OperationId[];

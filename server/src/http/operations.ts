import type { NamespaceRight } from '../domain/access/rights.js';
import type { SchemaName } from './openapi/schemas.js';

/** One operation of the HTTP port: what the router and the OpenAPI document are made of. */
export interface Operation {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** As OpenAPI writes it. */
  readonly path: string;
  /** Another path of the same. */
  readonly alias?: string;
  readonly summary: string;
  /** Parameters behind the path, beside the namespace. */
  readonly query?: readonly string[];
  /** Headers that mean something, beside those of every request. */
  readonly headers?: readonly string[];
  /** The form of its body. Absent: it has none. */
  readonly body?: SchemaName;
  /** By status: the form of what it answers, or the type of what is no JSON; null: nothing. */
  readonly answers: Readonly<Record<number, SchemaName | `${string}/${string}` | null>>;
  /** The statuses of its errors. */
  readonly errors: readonly number[];
  /** Whoever calls: nobody has to prove who it is, and no namespace is asked. */
  readonly open?: boolean;
  /** What it needs in the namespace before it is looked at, so that who lacks it learns nothing. Absent: see to it itself. */
  readonly right?: NamespaceRight;
}

const CONDITIONS = ['If-Match', 'Idempotency-Key', 'X-Policy-Reason'];
const WRITE = { query: ['validate_only'], headers: CONDITIONS } as const;
/** Of everything that reads a namespace. */
const READ_ERRORS = [401, 403, 404, 422, 503] as const;
/** Of everything that changes it. */
const WRITE_ERRORS = [401, 403, 404, 412, 422, 503] as const;
/** Of a body. */
const BODY_ERRORS = [408, 413, 415] as const;

/** Everything that the port serves beside the console. */
export const OPERATIONS = {
  getStatus: {
    method: 'GET',
    path: '/api/policy/status',
    summary: 'Whether there is a policy to believe, and its risk mode',
    answers: { 200: 'StatusAnswer' },
    errors: [401, 403, 404, 422],
  },
  getPolicy: {
    method: 'GET',
    path: '/api/policy',
    alias: '/api/policy/',
    right: 'read',
    summary: 'The policy in force, or the base that writers have written',
    query: ['view'],
    headers: ['If-None-Match'],
    answers: { 200: 'PolicyAnswer', 304: null },
    errors: READ_ERRORS,
  },
  patchPolicy: {
    method: 'PATCH',
    path: '/api/policy',
    alias: '/api/policy/',
    right: 'read',
    summary:
      'Change what is named: scalars and lists replace, maps and structs merge, a null in them removes',
    ...WRITE,
    body: 'PolicyMerge',
    answers: { 200: 'PolicyAnswer' },
    errors: [400, 409, ...WRITE_ERRORS, 429, ...BODY_ERRORS],
  },
  putPolicy: {
    method: 'PUT',
    path: '/api/policy',
    alias: '/api/policy/',
    right: 'read',
    summary:
      'Replace the whole policy: absent scalars take the defaults of the server, all else that is absent becomes empty',
    ...WRITE,
    body: 'Policy',
    answers: { 200: 'PolicyAnswer' },
    errors: [409, ...WRITE_ERRORS, 429, ...BODY_ERRORS],
  },
  resetPolicy: {
    method: 'POST',
    path: '/api/policy/reset',
    right: 'read',
    summary: 'Go back to a preset, or to the defaults of the server',
    ...WRITE,
    body: 'Reset',
    answers: { 200: 'PolicyAnswer' },
    errors: [409, ...WRITE_ERRORS, 429, ...BODY_ERRORS],
  },
  getRiskMode: {
    method: 'GET',
    path: '/api/policy/risk_mode',
    right: 'read',
    summary: 'The risk mode in force',
    answers: { 200: 'RiskModeAnswer' },
    errors: READ_ERRORS,
  },
  setRiskMode: {
    method: 'POST',
    path: '/api/policy/risk_mode/{mode}',
    right: 'read',
    summary: 'Change the risk mode, and nothing else',
    ...WRITE,
    answers: { 200: 'RiskModeSetAnswer' },
    errors: [400, 409, ...WRITE_ERRORS, 429],
  },
  getAllowedSymbols: {
    method: 'GET',
    path: '/api/policy/allowed_symbols',
    right: 'read',
    summary: 'The symbols that may be traded',
    answers: { 200: 'AllowedSymbolsAnswer' },
    errors: READ_ERRORS,
  },
  getModelVersions: {
    method: 'GET',
    path: '/api/policy/model_versions',
    right: 'read',
    summary: 'The version in production of each model',
    answers: { 200: 'ModelVersionsAnswer' },
    errors: READ_ERRORS,
  },
  watch: {
    method: 'GET',
    path: '/api/policy/watch',
    right: 'read',
    summary: 'Every change as a server-sent event; the id of the last one resumes',
    query: ['delivery', 'fields', 'heartbeat_ms', 'component', 'instance', 'last_event_id'],
    headers: ['Last-Event-ID'],
    answers: { 200: 'text/event-stream' },
    errors: [...READ_ERRORS, 429],
  },
  listHistory: {
    method: 'GET',
    path: '/api/policy/history',
    right: 'history',
    summary: 'Changes, newest first',
    query: ['page_size', 'page_token', 'actor', 'fields', 'kinds', 'from', 'to'],
    answers: { 200: 'HistoryAnswer' },
    errors: [400, ...READ_ERRORS],
  },
  getPast: {
    method: 'GET',
    path: '/api/policy/history/at',
    right: 'history',
    summary: 'What was in force at a time',
    query: ['time'],
    answers: { 200: 'PastAnswer' },
    errors: READ_ERRORS,
  },
  getRevision: {
    method: 'GET',
    path: '/api/policy/history/{revision}',
    right: 'history',
    summary: 'What was in force at a revision, and the change that made it',
    query: ['epoch'],
    answers: { 200: 'PastAnswer' },
    errors: [409, 410, ...READ_ERRORS],
  },
  getAuthors: {
    method: 'GET',
    path: '/api/policy/authors',
    right: 'history',
    summary: 'Who wrote each field last, as far as the log reaches',
    answers: { 200: 'AuthorsAnswer' },
    errors: READ_ERRORS,
  },
  rollback: {
    method: 'POST',
    path: '/api/policy/rollback/{revision}',
    right: 'read',
    summary: 'Set fields to what they were at a revision, as a new change',
    ...WRITE,
    body: 'Rollback',
    answers: { 200: 'PolicyAnswer' },
    errors: [409, 410, ...WRITE_ERRORS, 429, ...BODY_ERRORS],
  },
  listOverrides: {
    method: 'GET',
    path: '/api/policy/overrides',
    right: 'read',
    summary: 'The overrides in force',
    answers: { 200: 'OverridesAnswer' },
    errors: READ_ERRORS,
  },
  putInForce: {
    method: 'POST',
    path: '/api/policy/overrides',
    right: 'read',
    summary:
      'Put an override in force, such as the circuit breaker; issued again, it can only become tighter',
    ...WRITE,
    body: 'OverrideRequest',
    answers: { 200: 'OverrideAnswer', 202: 'OverrideAnswer' },
    errors: [409, ...WRITE_ERRORS, ...BODY_ERRORS],
  },
  restore: {
    method: 'DELETE',
    path: '/api/policy/overrides/{name}',
    right: 'read',
    summary: 'End an override',
    ...WRITE,
    answers: { 200: 'PolicyAnswer' },
    errors: [...WRITE_ERRORS, 429],
  },
  getFleet: {
    method: 'GET',
    path: '/api/policy/fleet',
    right: 'fleet',
    summary: 'Who runs what; with a version, who has applied it, as soon as all have or the time is over',
    query: ['component', 'version', 'timeout_ms'],
    answers: { 200: 'FleetAnswer' },
    errors: [409, ...READ_ERRORS],
  },
  getAccess: {
    method: 'GET',
    path: '/api/policy/access',
    summary: 'Who the caller is and what it may do in a namespace',
    answers: { 200: 'AccessAnswer' },
    errors: [401, 404, 422],
  },
  getGuardrails: {
    method: 'GET',
    path: '/api/policy/guardrails',
    right: 'read',
    summary: 'What no writer can exceed',
    answers: { 200: 'GuardrailsAnswer' },
    errors: READ_ERRORS,
  },
  getSchema: {
    method: 'GET',
    path: '/api/policy/schema',
    summary: 'The JSON Schema of a policy',
    answers: { 200: 'application/schema+json' },
    errors: [422],
    open: true,
  },
  getOpenApi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    answers: { 200: 'Document' },
    errors: [422],
    open: true,
  },
  getMetrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    answers: { 200: 'text/plain' },
    errors: [401, 403, 422],
  },
  getHealth: {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the process answers',
    answers: { 200: 'HealthAnswer' },
    errors: [422],
    open: true,
  },
  getReadiness: {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether it serves the policy',
    answers: { 200: 'HealthAnswer' },
    errors: [422, 503],
    open: true,
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
export const OPERATION_IDS = Object.keys(OPERATIONS) as OperationId[];

/** The parameters behind the path of an operation: one under /api takes a namespace, also where it is the same in all. */
export function parametersOf({ path, query = [] }: Operation): readonly string[] {
  return path.startsWith('/api/') ? ['namespace', ...query] : query;
}

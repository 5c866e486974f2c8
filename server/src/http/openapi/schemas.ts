import policySchema from '../../domain/policy.schema.json' with { type: 'json' };
import { FIELDS, type Json, type JsonObject } from '../../domain/policy.js';
import guardrailFile from '../../domain/guardrails/guardrails.schema.json' with { type: 'json' };

// The forms of what the port takes and answers. What a policy may hold is said once, in policy.schema.json.

/** A part of policy.schema.json, whose definitions stand among the components here. */
function part(schema: object): JsonObject {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonObject;
}

function object(properties: Record<string, Json>, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function list(items: JsonObject): JsonObject {
  return { type: 'array', items };
}

function orNull(schema: JsonObject): JsonObject {
  return { anyOf: [schema, { type: 'null' }] };
}

function described(description: string, schema: JsonObject): JsonObject {
  return { description, ...schema };
}

const text: JsonObject = { type: 'string' };
const bool: JsonObject = { type: 'boolean' };
const count: JsonObject = { type: 'integer', minimum: 0 };
const fieldName: JsonObject = { type: 'string', enum: [...FIELDS] };
const plainTime: JsonObject = {
  type: 'string',
  pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$`,
  description: 'ISO 8601 in UTC, to the microsecond, without a suffix',
};
const time: JsonObject = {
  type: 'string',
  pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z?$`,
  description: 'ISO 8601 in UTC, to the microsecond',
};
const riskMode = part(policySchema.properties.risk_mode);
const { risk_mode, max_risk_per_trade, max_positions, global_min_confidence } = policySchema.properties;
const {
  bound,
  rule: { properties: rule },
} = guardrailFile.$defs;
const tradingState: JsonObject = { type: 'string', enum: ['HALTED', 'REDUCE_ONLY', 'ACTIVE'] };

const fields = Object.fromEntries(FIELDS.map((field) => [field, part(policySchema.properties[field])]));
const { title, description, type, properties, additionalProperties, $defs: definitions } = policySchema;
const policy = { title, type, properties, additionalProperties };

/** Of a map in a merge: a null removes. */
function mergeOf(field: 'opp_rankings' | 'model_versions'): JsonObject {
  const { additionalProperties, ...map } = part(policySchema.properties[field]);
  return { ...map, additionalProperties: orNull(additionalProperties as JsonObject) };
}

const limits = object(
  {
    trading_state: tradingState,
    risk_mode: riskMode,
    max_risk_per_trade: part(max_risk_per_trade),
    max_positions: part(max_positions),
    global_min_confidence: part(global_min_confidence),
    block_all_strategies: bool,
    block_strategies: list(ref('name')),
    block_symbols: list(ref('name')),
  },
  [
    ...['trading_state', 'risk_mode', 'max_risk_per_trade', 'max_positions', 'global_min_confidence'],
    ...['block_all_strategies', 'block_strategies', 'block_symbols'],
  ],
);

const SCHEMAS = {
  ...(Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, part(schema)])) as Record<
    keyof typeof definitions,
    JsonObject
  >),
  Policy: described(description, part(policy)),
  PolicyMerge: described('Top-level nulls and what is output only are ignored.', {
    type: 'object',
    properties: {
      ...Object.fromEntries(FIELDS.map((field) => [field, orNull(fields[field] ?? {})])),
      opp_rankings: orNull(mergeOf('opp_rankings')),
      model_versions: orNull(mergeOf('model_versions')),
      system_health: { type: ['object', 'null'], description: 'A JSON merge patch (RFC 7396).' },
      custom_params: { type: ['object', 'null'], description: 'A JSON merge patch (RFC 7396).' },
      last_updated: true,
      trading_state: true,
      overrides: true,
    },
    additionalProperties: false,
  }),
  WholePolicy: described(
    'A policy as it is: with all fields.',
    object({ ...fields, last_updated: time, trading_state: tradingState, overrides: list(ref('Override')) }),
  ),
  Limits: described('What is not there does not limit.', limits),
  Override: object(
    {
      name: text,
      limits: ref('Limits'),
      reason: text,
      actor: text,
      since: time,
      until: orNull(time),
      pending: described('In force here, and not yet in the store.', bool),
      earlier_actors: list(text),
    },
    ['earlier_actors'],
  ),
  Version: { type: 'string', pattern: String.raw`^[\w.-]+:\d+$`, description: 'epoch:revision' },
  Change: object(
    {
      version: ref('Version'),
      commit_time: time,
      kind: text,
      actor: text,
      actor_verified: bool,
      reason: text,
      fields: list(fieldName),
      before: described('By field; null: nothing.', { type: 'object' }),
      after: described('By field; null: nothing.', { type: 'object' }),
      overrides_before: list(ref('Override')),
      overrides_after: list(ref('Override')),
      rollback_to: ref('Version'),
    },
    ['overrides_before', 'overrides_after', 'rollback_to'],
  ),
  Author: object({
    version: ref('Version'),
    commit_time: time,
    kind: text,
    actor: text,
    reason: text,
  }),
  Member: object({
    watcher_id: text,
    component: text,
    instance: text,
    address: text,
    replica: text,
    since: orNull(time),
    delivered: orNull(ref('Version')),
    applied: orNull(ref('Version')),
    lag: count,
    rejection: orNull(object({ version: orNull(ref('Version')), reason: text })),
    state: { type: 'string', enum: ['UNSPECIFIED', 'APPLIED', 'REJECTED', 'PENDING', 'LOST'] },
    safe_in_ms: orNull(count),
  }),
  Missing: object({ component: text, expected: count, present: count }),
  Reset: object({ preset: { enum: ['default', 'conservative', 'aggressive', null] } }, ['preset']),
  Rollback: object(
    {
      fields: described('Empty: all.', list(fieldName)),
      epoch: described('Of which the revision is. Empty: of whichever the log holds it.', text),
    },
    ['fields', 'epoch'],
  ),
  OverrideRequest: object(
    {
      name: described('Absent: circuit-breaker.', orNull(text)),
      limits: described(
        'Absent: REDUCE_ONLY, DEFENSIVE, 3 positions, all strategies blocked.',
        orNull(ref('Limits')),
      ),
      reason: described('Required, here or in X-Policy-Reason.', orNull(text)),
      ttl_seconds: described(
        'Absent: until it is restored.',
        orNull({ type: 'number', exclusiveMinimum: 0 }),
      ),
    },
    ['name', 'limits', 'reason', 'ttl_seconds'],
  ),
  StatusAnswer: object({
    available: bool,
    current_risk_mode: orNull(riskMode),
    last_updated: orNull(plainTime),
    timestamp: plainTime,
  }),
  PolicyAnswer: object({ policy: ref('WholePolicy'), timestamp: time }),
  RiskModeAnswer: object({ risk_mode: riskMode, timestamp: plainTime }),
  RiskModeSetAnswer: object({
    risk_mode: part(risk_mode),
    max_risk_per_trade: part(max_risk_per_trade),
    max_positions: part(max_positions),
    global_min_confidence: part(global_min_confidence),
    timestamp: plainTime,
  }),
  AllowedSymbolsAnswer: object({ allowed_symbols: ref('names'), count, timestamp: plainTime }),
  ModelVersionsAnswer: object({
    model_versions: part(policySchema.properties.model_versions),
    timestamp: plainTime,
  }),
  HistoryAnswer: object({
    changes: list(ref('Change')),
    next_page_token: described('Empty: this is the last page.', text),
    oldest_version: orNull(ref('Version')),
    timestamp: time,
  }),
  PastAnswer: object({
    version: ref('Version'),
    policy: described('The base as it was.', ref('WholePolicy')),
    effective: described('What executors obeyed.', ref('WholePolicy')),
    change: ref('Change'),
    timestamp: time,
  }),
  AuthorsAnswer: object({
    fields: object(Object.fromEntries(FIELDS.map((field) => [field, orNull(ref('Author'))]))),
    timestamp: time,
  }),
  OverridesAnswer: object({ overrides: list(ref('Override')), timestamp: time }),
  OverrideAnswer: object({ override: ref('Override'), policy: ref('WholePolicy'), timestamp: time }),
  FleetAnswer: {
    oneOf: [
      object({
        version: ref('Version'),
        members: list(ref('Member')),
        missing: list(ref('Missing')),
        timestamp: time,
      }),
      object({
        version: ref('Version'),
        applied_everywhere: bool,
        applied: list(ref('Member')),
        rejected: list(ref('Member')),
        pending: list(ref('Member')),
        lost: list(ref('Member')),
        not_acknowledging: list(ref('Member')),
        missing: list(ref('Missing')),
        unknown_safe_in_ms: orNull(count),
        timestamp: time,
      }),
    ],
  },
  AccessAnswer: object({
    namespace: described('The one that the rights are in.', text),
    identity: text,
    verified: bool,
    authentication: { type: 'string', enum: ['off', 'on'] },
    namespaces: described('Those that it may read.', list(text)),
    rights: object({
      read: bool,
      write: list(fieldName),
      tighten: list(fieldName),
      trip: bool,
      restore_own: bool,
      restore_others: bool,
      history: bool,
      fleet: bool,
      metrics: bool,
      four_eyes: described('What it puts in force, another one has to restore.', bool),
    }),
    timestamp: time,
  }),
  GuardrailsAnswer: object({
    schema: described('A JSON Schema over the policy; null: there is none.', { type: ['object', 'null'] }),
    step_limits: list(
      object(
        {
          name: text,
          description: text,
          field: part(rule.field),
          per_change: part(bound),
          per_hour: part(bound),
        },
        ['per_change', 'per_hour'],
      ),
    ),
    timestamp: time,
  }),
  HealthAnswer: object({ status: text }),
  Document: { type: 'object', required: ['openapi', 'info', 'paths', 'components'] },
  Problem: object({
    detail: {
      anyOf: [
        text,
        list(
          object({
            loc: { type: 'array', items: { type: ['string', 'integer'] } },
            msg: text,
            type: { enum: ['missing', 'extra_forbidden', 'value_error', 'type_error', 'json_invalid'] },
          }),
        ),
      ],
    },
  }),
} satisfies Record<string, JsonObject>;

export type SchemaName = keyof typeof SCHEMAS;
export const COMPONENTS: Readonly<Record<SchemaName, JsonObject>> = SCHEMAS;

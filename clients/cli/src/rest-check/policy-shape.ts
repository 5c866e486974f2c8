import {
  equal,
  having,
  listOf,
  mapOf,
  matching,
  number,
  object,
  oneOf,
  orNull,
  type Shape,
  text,
  that,
  truth,
  within,
} from './shape.js';

const SECONDS = String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?`;

export const bareTime = matching(new RegExp(`${SECONDS}$`), 'a time in UTC without suffix');
export const time = matching(new RegExp(`${SECONDS}Z$`), 'a time in UTC, ending in Z');
export const mode = oneOf('DEFENSIVE', 'NORMAL', 'AGGRESSIVE');
export const version = matching(/^[^:]+:\d+$/, 'a version, epoch:revision');
export const etag = matching(/^"[^":]+:\d+"$/, 'a version in quotes, "epoch:revision"');
export const validFor = matching(/^\d+$/, 'a number of milliseconds');
export const anyObject = mapOf(that('anything', () => true));

const tradingState = oneOf('ACTIVE', 'REDUCE_ONLY', 'HALTED');
const positions = that('an integer from 1 to 100', (value) => {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 100;
});
const risk = that('a number above 0, at most 1', (value) => {
  return typeof value === 'number' && value > 0 && value <= 1;
});

/** The members of POST /api/policy/risk_mode/{mode}. */
export const limits = {
  risk_mode: mode,
  max_risk_per_trade: risk,
  max_positions: positions,
  global_min_confidence: within(0, 1),
};

function overrideWith(moment: Shape): Shape {
  return object({
    name: text,
    limits: anyObject,
    reason: text,
    actor: text,
    since: moment,
    until: orNull(moment),
    pending: truth,
  });
}

/** A policy; its times differ between the older paths and the others. */
export function policyWith(moment: Shape): Shape {
  return object({
    ...limits,
    allowed_strategies: listOf(text),
    allowed_symbols: listOf(text),
    opp_rankings: mapOf(within(0, 1)),
    model_versions: mapOf(text),
    system_health: anyObject,
    custom_params: anyObject,
    last_updated: moment,
    trading_state: tradingState,
    overrides: listOf(overrideWith(moment)),
  });
}

export const override = overrideWith(time);

export const change = having({
  version,
  commit_time: time,
  kind: text,
  actor: text,
  actor_verified: truth,
  reason: text,
  fields: listOf(text),
  before: anyObject,
  after: anyObject,
});

export const event = object({
  version,
  previous: number,
  resync: equal(false),
  valid_for_ms: number,
  trading_state: tradingState,
  overrides: listOf(override),
  cause: orNull(anyObject),
  policy: policyWith(time),
});

/** What every error says. */
export const detail = object({ detail: that('a text that is not empty', isSaid) });

export const violations = object({
  detail: listOf(object({ loc: listOf(that('a text or number', isPlace)), msg: text, type: text })),
});

function isSaid(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isPlace(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

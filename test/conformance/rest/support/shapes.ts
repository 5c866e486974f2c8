import { expect } from 'chai';

import type { Answer } from './call.js';

/** A policy as REST shows it. */
export interface PolicyJson {
  readonly risk_mode: string;
  readonly allowed_strategies: string[];
  readonly allowed_symbols: string[];
  readonly max_risk_per_trade: number;
  readonly max_positions: number;
  readonly global_min_confidence: number;
  readonly opp_rankings: Record<string, number>;
  readonly model_versions: Record<string, string>;
  readonly system_health: Record<string, unknown>;
  readonly custom_params: Record<string, unknown>;
  readonly last_updated: string;
  readonly trading_state: string;
  readonly overrides: OverrideJson[];
}

export interface OverrideJson {
  readonly name: string;
  readonly limits: Record<string, unknown>;
  readonly reason: string;
  readonly actor: string;
  readonly since: string;
  readonly until: string | null;
  readonly pending: boolean;
}

export interface ViolationJson {
  readonly loc: string[];
  readonly msg: string;
  readonly type: string;
}

export interface ChangeJson {
  readonly version: string;
  readonly commit_time: string;
  readonly kind: string;
  readonly actor: string;
  readonly actor_verified: boolean;
  readonly reason: string;
  readonly fields: string[];
  readonly before: Record<string, unknown>;
  readonly after: Record<string, unknown>;
  readonly overrides_before?: OverrideJson[];
  readonly overrides_after?: OverrideJson[];
}

/** What any answer may hold; which keys one has is for the tests to say. */
export interface AnswerBody {
  readonly policy: PolicyJson;
  readonly timestamp: string;
  readonly detail: string | ViolationJson[];
  readonly available: boolean;
  readonly current_risk_mode: string | null;
  readonly last_updated: string | null;
  readonly risk_mode: string;
  readonly max_positions: number;
  readonly allowed_symbols: string[];
  readonly count: number;
  readonly model_versions: Record<string, string>;
  readonly override: OverrideJson;
  readonly overrides: OverrideJson[];
  readonly changes: ChangeJson[];
  readonly change: ChangeJson;
  readonly effective: PolicyJson;
  readonly version: string;
  readonly next_page_token: string;
  readonly oldest_version: string;
}

export const POLICY_KEYS: readonly (keyof PolicyJson)[] = [
  'risk_mode',
  'allowed_strategies',
  'allowed_symbols',
  'max_risk_per_trade',
  'max_positions',
  'global_min_confidence',
  'opp_rankings',
  'model_versions',
  'system_health',
  'custom_params',
  'last_updated',
  'trading_state',
  'overrides',
];

export const OVERRIDE_KEYS: readonly (keyof OverrideJson)[] = [
  'name',
  'limits',
  'reason',
  'actor',
  'since',
  'until',
  'pending',
];

/** A policy without the moment of its last change. */
export function timeless(policy: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(policy).filter(([key]) => key !== 'last_updated'));
}

const BARE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?$/;
const WITH_Z = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/;
const AN_HOUR_MS = 3_600_000;

/** A moment about now as the paths of the older API write it: in UTC, and without saying so. */
export function expectBareTime(text: string | null): void {
  expect(text).to.match(BARE);
  expectAboutNow(`${text}Z`);
}

/** A moment about now as all other paths write it. */
export function expectTime(text: string | null): void {
  expect(text).to.match(WITH_Z);
  expectAboutNow(String(text));
}

// Wide enough for any test, and too narrow for another time zone.
function expectAboutNow(text: string): void {
  expect(Date.parse(text)).to.be.closeTo(Date.now(), AN_HOUR_MS / 2);
}

export function expectKeys(value: object, ...keys: readonly string[]): void {
  expect(Object.keys(value).sort()).to.deep.equal([...keys].sort());
}

/** An error that says why in a sentence. */
export function expectDetail(answer: Answer, status: number, text?: string | RegExp): void {
  expect(answer.status, answer.text).to.equal(status);
  expectKeys(answer.body, 'detail');
  const { detail } = answer.body;
  expect(detail).to.be.a('string').that.is.not.empty;
  if (typeof text === 'string') expect(detail).to.equal(text);
  if (text instanceof RegExp) expect(detail).to.match(text);
}

const TYPES = ['missing', 'extra_forbidden', 'value_error', 'type_error', 'json_invalid'];

/** A 422 that says of each thing what is wrong with it; answers the things. */
export function expectViolations(answer: Answer): readonly ViolationJson[] {
  expect(answer.status, answer.text).to.equal(422);
  expectKeys(answer.body, 'detail');
  const { detail } = answer.body;
  if (typeof detail === 'string') throw new Error(`a text where a list belongs: ${detail}`);
  expect(detail).to.be.an('array').that.is.not.empty;
  for (const each of detail) {
    expectKeys(each, 'loc', 'msg', 'type');
    expect(each.loc).to.be.an('array').that.is.not.empty;
    expect(each.msg).to.be.a('string').that.is.not.empty;
    expect(each.type).to.be.oneOf(TYPES);
  }
  return detail;
}

/** One thing wrong, in one place. */
export function expectViolation(answer: Answer, loc: readonly string[], type: string, msg?: RegExp): void {
  const violations = expectViolations(answer);
  expect(violations.map((each) => [each.loc.join('.'), each.type])).to.deep.equal([[loc.join('.'), type]]);
  if (msg) expect(violations[0]?.msg).to.match(msg);
}

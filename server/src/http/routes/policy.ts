import { PolicyPatch, Preset, RiskMode, View } from '@policystore/client/proto';

import { toPolicyJson } from '../../domain/policy-json.js';
import type { CurrentState } from '../../engine/types.js';
import { PolicyError } from '../../errors.js';
import type { Answer, HttpCall } from '../http-call.js';
import { misplaced, refuse } from '../http-error.js';
import { checkWholePolicy, readPatch } from '../json/patches.js';
import { messageFromJson, policyAndTime, PRESETS } from '../json/policies.js';
import { microsText, now } from '../json/times.js';
import { header } from '../request-headers.js';
import { etag, write, writeHeaders, writePolicy } from '../writes.js';

/** GET /api/policy. Executors may call it for every signal: the policy is text already. */
export function getPolicy(call: HttpCall): Answer {
  const view = readView(call);
  const { state } = call.namespace();
  const body = policyAndTime(state, view);
  // What is pending changes the policy in force and not its version: without a tag nobody can take one for the other.
  if (!state.isPlain && view === View.EFFECTIVE) return { body };
  const tag = etag(state.version);
  const known = header(call.incoming, 'if-none-match');
  if (known !== '' && state.isPlain && isAmong(tag, known))
    return { status: 304, body: null, headers: { ETag: tag } };
  return { body, headers: { ETag: tag } };
}

export async function patchPolicy(call: HttpCall): Promise<Answer> {
  const { findings, patch, fields } = readPatch(await call.json());
  refuse(findings);
  if (fields.length === 0) throw new PolicyError('NOTHING_TO_UPDATE', 'No fields provided for update');
  return writePolicy(call, { kind: 'patch', patch }, '');
}

export async function putPolicy(call: HttpCall): Promise<Answer> {
  const body = await call.json();
  refuse(checkWholePolicy(body));
  return writePolicy(call, { kind: 'update', policy: messageFromJson(body) }, '');
}

export async function resetPolicy(call: HttpCall): Promise<Answer> {
  const { preset = null, ...others } = await call.json();
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw misplaced(['body', unknown], 'is not known here: did you mean preset?', 'extra_forbidden');
  }
  const name = Object.keys(PRESETS).find((each) => each === preset) as keyof typeof PRESETS | undefined;
  if (name === undefined && preset !== null) {
    throw misplaced(
      ['body', 'preset'],
      `must be one of ${Object.keys(PRESETS).join(', ')}; leave it out for the defaults`,
    );
  }
  return writePolicy(
    call,
    { kind: 'reset', preset: name === undefined ? Preset.UNSPECIFIED : PRESETS[name] },
    '',
  );
}

/** Also where there is no policy to believe: then everything is null. */
export function getStatus(call: HttpCall): Answer {
  const state = believable(call);
  return json({
    available: state !== undefined,
    current_risk_mode: state ? RiskMode[state.policy(View.EFFECTIVE).riskMode] : null,
    last_updated: state ? microsText(state.lastUpdated, '') : null,
    timestamp: now(''),
  });
}

function believable(call: HttpCall): CurrentState | undefined {
  try {
    const namespace = call.namespace();
    return namespace.validForMs > 0 ? namespace.state : undefined;
  } catch (error) {
    if (error instanceof PolicyError && error.reason === 'STORE_UNAVAILABLE') return undefined;
    throw error;
  }
}

export function getRiskMode(call: HttpCall): Answer {
  const { state } = call.namespace();
  const { riskMode } = state.policy(View.EFFECTIVE);
  return json({ risk_mode: RiskMode[riskMode], timestamp: now('') }, state);
}

const MODES = [RiskMode.AGGRESSIVE, RiskMode.NORMAL, RiskMode.DEFENSIVE];

export async function setRiskMode(call: HttpCall): Promise<Answer> {
  const { mode = '' } = call.params;
  const riskMode = MODES.find((each) => RiskMode[each] === mode.toUpperCase());
  if (riskMode === undefined) {
    const text = `Invalid risk mode: ${mode.toUpperCase()}. Must be AGGRESSIVE, NORMAL, or DEFENSIVE`;
    throw new PolicyError('RISK_MODE_UNKNOWN', text);
  }
  const { outcome, namespace } = await write(call, {
    kind: 'patch',
    patch: PolicyPatch.create({ riskMode }),
  });
  const { state } = namespace;
  const policy = outcome.policy ?? state.policy(View.EFFECTIVE);
  const answer = {
    risk_mode: RiskMode[policy.riskMode],
    max_risk_per_trade: policy.maxRiskPerTrade,
    max_positions: policy.maxPositions,
    global_min_confidence: policy.globalMinConfidence,
    timestamp: now(''),
  };
  return { body: JSON.stringify(answer), headers: writeHeaders(outcome, state) };
}

export function getAllowedSymbols(call: HttpCall): Answer {
  const { state } = call.namespace();
  const { allowedSymbols } = state.policy(View.EFFECTIVE);
  return json({ allowed_symbols: allowedSymbols, count: allowedSymbols.length, timestamp: now('') }, state);
}

export function getModelVersions(call: HttpCall): Answer {
  const { state } = call.namespace();
  const models = toPolicyJson(state.policy(View.EFFECTIVE), ['model_versions']);
  return json({ ...models, timestamp: now('') }, state);
}

function json(value: object, state?: CurrentState): Answer {
  return { body: JSON.stringify(value), ...(state && { headers: { ETag: etag(state.version) } }) };
}

function readView(call: HttpCall): View {
  switch (call.ask('view')) {
    case undefined:
    case 'effective':
      return View.EFFECTIVE;
    case 'base':
      return View.BASE;
    default:
      throw misplaced(['query', 'view'], 'must be effective or base');
  }
}

/** Whether a list of ETags, weak ones too, has this one. */
function isAmong(tag: string, list: string): boolean {
  return list === tag || list.split(',').some((each) => ['*', tag].includes(each.trim().replace(/^W\//, '')));
}

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

import { problemsText, readSource } from '../policy-file.js';
import type { Json } from '../policy.js';
import { type Finding, shown } from '../violation.js';
import type { Guardrail } from './guardrail.js';
import form from './guardrails.schema.json' with { type: 'json' };
import { STEPPED } from './moves.js';
import { hint, MAX_STEPS } from './schema-form.js';
import { createSchemaRule } from './schema-rule.js';
import { type Bound, createStepLimit, type StepLimit } from './step-limit.js';

/** The rules of the operator. */
export interface Guardrails {
  readonly rules: readonly Guardrail[];
  /** Those that hold in a namespace. */
  in(namespace: string): readonly Guardrail[];
}

/** A rule as the file has it, once its form was checked. */
interface RuleJson {
  readonly name: string;
  readonly description?: string;
  readonly namespaces?: readonly string[];
  readonly schema?: Json;
  readonly field?: StepLimit['field'];
  readonly per_change?: number | string;
  readonly per_hour?: number | string;
}

const ajv = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  allErrors: true,
  ownProperties: true,
  verbose: true,
});
const isWellFormed = ajv.compile<{ readonly rules: readonly RuleJson[] }>(form);

/**
 * The guardrails in the text of a YAML or JSON file.
 * @param source the name of the file, for errors.
 * @param namespaces those that there are.
 * @throws Error with every problem on a line of its own: file, line, place, rule.
 */
export function parseGuardrails(text: string, source: string, namespaces: readonly string[]): Guardrails {
  const file = readSource(text, source);
  const refuse = (findings: readonly Finding[]): never => {
    throw new Error(problemsText(findings, file, source, 'the file'));
  };
  const { value } = file;
  if (!isWellFormed(value)) return refuse((isWellFormed.errors ?? []).map(formFinding));
  const findings = value.rules.flatMap((rule, i) => checkRule(rule, ['rules', i], value.rules, namespaces));
  const rules: Guardrail[] = [];
  for (const [i, rule] of value.rules.entries()) {
    const made = createRule(rule);
    if (Array.isArray(made)) {
      findings.push(...made.map(({ path, ...rest }) => ({ path: ['rules', i, 'schema', ...path], ...rest })));
    } else if (made !== undefined) rules.push(made);
  }
  const steps = rules.reduce((sum, rule) => sum + rule.steps, 0);
  if (steps > MAX_STEPS) {
    const description = `ask for too much together: ${steps} checks of one policy, at most ${MAX_STEPS}`;
    findings.push({ path: ['rules'], description });
  }
  if (findings.length > 0) refuse(findings);
  const byNamespace = new Map(
    namespaces.map((name) => [name, rules.filter((rule) => rule.namespaces?.includes(name) ?? true)]),
  );
  return { rules, in: (namespace) => byNamespace.get(namespace) ?? [] };
}

function checkRule(
  rule: RuleJson,
  path: Finding['path'],
  all: readonly RuleJson[],
  namespaces: readonly string[],
): Finding[] {
  const finding = (at: Finding['path'], description: string): Finding => ({
    path: [...path, ...at],
    description,
  });
  const findings: Finding[] = [];
  const first = all.find(({ name }) => name === rule.name);
  if (first !== rule) findings.push(finding(['name'], `${shown(rule.name)} is the name of another rule`));
  rule.namespaces?.forEach((name, i) => {
    if (namespaces.includes(name)) return;
    findings.push(
      finding(['namespaces', i], `there is no namespace ${shown(name)}: ${hint(name, namespaces)}`),
    );
  });
  const isStep = rule.field !== undefined;
  if (isStep === (rule.schema !== undefined)) {
    findings.push(finding([], 'must have either a schema, or a field with per_change, per_hour or both'));
    return findings;
  }
  for (const span of ['per_change', 'per_hour'] as const) {
    const text = rule[span];
    if (text === undefined) continue;
    if (rule.field === undefined) findings.push(finding([span], 'belongs to a rule with a field'));
    else findings.push(...boundProblems(rule.field, text).map((problem) => finding([span], problem)));
  }
  if (isStep && rule.per_change === undefined && rule.per_hour === undefined) {
    findings.push(finding([], 'must say per_change, per_hour or both'));
  }
  return findings;
}

function createRule(rule: RuleJson): Guardrail | Finding[] | undefined {
  const { name, description = '', namespaces, schema, field, per_change, per_hour } = rule;
  const parts = { name, description, namespaces };
  if (schema !== undefined) return createSchemaRule({ ...parts, schema });
  if (field === undefined) return undefined;
  return createStepLimit({ ...parts, field, perChange: boundOf(per_change), perHour: boundOf(per_hour) });
}

/** Fields that are counted, or whose scale has an end: a share of them means nothing. */
const WITHOUT_SHARES: ReadonlySet<string> = new Set<StepLimit['field']>([
  'risk_mode',
  'allowed_strategies',
  'allowed_symbols',
  'opp_rankings',
  'model_versions',
]);
const COUNTED: ReadonlySet<string> = new Set<StepLimit['field']>([
  'risk_mode',
  'allowed_strategies',
  'allowed_symbols',
  'max_positions',
  'model_versions',
]);

function boundProblems(field: string, bound: number | string): string[] {
  const share = typeof bound === 'string' ? shareOf(bound) : undefined;
  if (typeof bound === 'string') {
    if (share === undefined) return [`must be a number, or a share such as 20%, got ${shown(bound)}`];
    return WITHOUT_SHARES.has(field) ? [`must be a number for ${field}, got ${shown(bound)}`] : [];
  }
  if (!Number.isFinite(bound) || bound < 0) return [`must be at least 0, got ${bound}`];
  if (COUNTED.has(field) && !Number.isInteger(bound)) return [`must be a whole number, got ${bound}`];
  return [];
}

function shareOf(text: string): number | undefined {
  const [, number] = /^(\d+(?:\.\d+)?) ?%$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number);
}

function boundOf(bound: number | string | undefined): Bound | undefined {
  if (bound === undefined) return undefined;
  return typeof bound === 'number' ? { amount: bound } : { percent: shareOf(bound) ?? 0 };
}

function formFinding(error: ErrorObject): Finding {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const { additionalProperty } = error.params as { additionalProperty?: string };
  if (additionalProperty !== undefined) {
    const known = Object.keys((error.parentSchema as typeof form).properties);
    return {
      path: [...path, additionalProperty],
      description: `is not known here: ${hint(additionalProperty, known)}`,
    };
  }
  const got = `got ${shown(error.data)}`;
  if (error.keyword === 'enum') {
    const word = typeof error.data === 'string' ? error.data : '';
    return { path, description: `${got}, which has no steps: ${hint(word, STEPPED)}` };
  }
  if (error.keyword === 'required') return { path, description: error.message ?? '' };
  if (error.keyword === 'pattern' && path.at(-1) === 'name') {
    return { path, description: `must be 1 to 64 letters, digits, _, . and -, ${got}` };
  }
  if (error.keyword === 'pattern') return { path, description: `must have no control characters, ${got}` };
  return { path, description: `${error.message ?? 'is not valid'}, ${got}` };
}

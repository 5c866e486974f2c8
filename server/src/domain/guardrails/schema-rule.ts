import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

import { equalJson } from '../json.js';
import { toPolicyJson } from '../policy-json.js';
import { type FieldName, type Json, type JsonObject, type Policy } from '../policy.js';
import { type Finding, shown } from '../violation.js';
import type { Guardrail } from './guardrail.js';
import { inspectSchema, withTypes } from './schema-form.js';

export interface SchemaRule extends Pick<Guardrail, 'name' | 'description' | 'namespaces'> {
  readonly schema: Json;
}

/** A guardrail, or everything that is wrong with its schema; paths are within the schema. */
export function createSchemaRule({ schema, ...rule }: SchemaRule): Guardrail | Finding[] {
  const { findings, fields, steps } = inspectSchema(schema);
  if (findings.length > 0) return findings;
  const validate = compile(withTypes(schema));
  if (Array.isArray(validate)) return validate;
  const concerned = new Set(fields);
  return {
    ...rule,
    demands: { schema },
    steps,
    check(change) {
      if (!change.loosened.some((field) => concerned.has(field))) return [];
      const wrong = violations(validate, change.after, fields);
      if (wrong.size === 0) return [];
      const before = violations(validate, change.tightened(), fields);
      return [...wrong].flatMap(([key, violation]) =>
        isWorse(violation, before.get(key)) ? [findingOf(violation)] : [],
      );
    },
  };
}

/** One for each schema, so that a definition of one is none of another. */
function compile(schema: Json): ValidateFunction | Finding[] {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    ownProperties: true,
    verbose: true,
    logger: false,
  });
  const asSchema = schema as Record<string, unknown>;
  if (ajv.validateSchema(asSchema) !== true) {
    return (ajv.errors ?? []).map(({ instancePath, message = 'is not valid' }) => ({
      path: instancePath.split('/').slice(1).map(unescaped),
      description: message,
    }));
  }
  try {
    return ajv.compile(asSchema);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [{ path: [], description: `cannot be used: ${message.replace(/^strict mode: /, '')}` }];
  }
}

/** One thing that the schema finds wrong with a policy. */
interface SchemaViolation {
  readonly error: ErrorObject;
  readonly path: Finding['path'];
}

/** By what is wrong where: a name in a list stands for its place, which moves with others. */
function violations(
  validate: ValidateFunction,
  policy: Policy,
  fields: readonly FieldName[],
): Map<string, SchemaViolation> {
  const json = toPolicyJson(policy, fields);
  const found = new Map<string, SchemaViolation>();
  if (validate(json)) return found;
  for (const error of validate.errors ?? []) {
    // What it leads to is told by itself.
    if (error.keyword === 'if') continue;
    const path = pathOf(error, json);
    found.set(JSON.stringify([error.keyword, error.schemaPath, path, memberOf(error)]), { error, path });
  }
  return found;
}

function pathOf({ instancePath }: ErrorObject, policy: JsonObject): (string | number)[] {
  const [field, ...inner] = instancePath.split('/').slice(1).map(unescaped);
  if (field === undefined) return [];
  const value = policy[field];
  const isList = field === 'allowed_strategies' || field === 'allowed_symbols';
  const name = isList && Array.isArray(value) ? value[Number(inner[0])] : undefined;
  return typeof name === 'string' ? [field, name] : [field, ...inner];
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The member that an error of an object is about. */
function memberOf({ params, propertyName }: ErrorObject): unknown {
  const { missingProperty, additionalProperty, propertyName: named } = params as Record<string, unknown>;
  return propertyName ?? missingProperty ?? additionalProperty ?? named ?? '';
}

const UPPER = new Set(['maximum', 'exclusiveMaximum', 'maxItems', 'maxProperties', 'maxLength']);
const LOWER = new Set(['minimum', 'exclusiveMinimum', 'minItems', 'minProperties', 'minLength']);

/** Whether what is wrong now was not wrong before, or less so. Where that cannot be told it is worse if it has changed. */
function isWorse({ error }: SchemaViolation, before: SchemaViolation | undefined): boolean {
  if (before === undefined) return true;
  if (memberOf(error) !== '') return false;
  const [was, is] = [before.error.data as Json, error.data as Json];
  if (UPPER.has(error.keyword)) return sizeOf(is) > sizeOf(was);
  if (LOWER.has(error.keyword)) return sizeOf(is) < sizeOf(was);
  return !equalJson(was, is);
}

function sizeOf(value: Json): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return Array.from(value).length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function findingOf({ error, path }: SchemaViolation): Finding {
  const field = path.length === 0 ? ['policy'] : path;
  return { path: field, description: `${words(error)}, would be ${shownValue(error.data as Json)}` };
}

const MAX_LISTED = 10;

function words({ keyword, params, message = 'breaks the schema' }: ErrorObject): string {
  const { allowedValues, allowedValue, additionalProperty } = params as Record<string, unknown>;
  if (keyword === 'enum' && Array.isArray(allowedValues)) {
    const more = allowedValues.length > MAX_LISTED ? ', …' : '';
    return `must be one of ${allowedValues.slice(0, MAX_LISTED).map(shown).join(', ')}${more}`;
  }
  if (keyword === 'const') return `must be ${shown(allowedValue)}`;
  if (keyword === 'additionalProperties') return `must not have ${shown(additionalProperty)}`;
  return message;
}

function shownValue(value: Json): string {
  return Array.isArray(value) ? `a list of ${value.length}` : shown(value);
}

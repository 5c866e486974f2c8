import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

import type { FieldName } from './policy.js';
import schema from './policy.schema.json' with { type: 'json' };
import { type Finding, shown } from './violation.js';

/** How many entries a list or a map may have. */
export const MAX_ENTRIES = schema.$defs.names.maxItems;

/** Keys of a policy that are only ever read. */
export const OUTPUT_ONLY: ReadonlySet<string> = new Set(
  Object.entries(schema.properties).flatMap(([key, rule]) => ('readOnly' in rule ? [key] : [])),
);

const ajv = new Ajv2020({ strict: true, allErrors: true, ownProperties: true, verbose: true });
ajv.addSchema(schema);

const compiled = {
  risk_mode: part('properties/risk_mode'),
  allowed_strategies: part('properties/allowed_strategies'),
  allowed_symbols: part('properties/allowed_symbols'),
  max_risk_per_trade: part('properties/max_risk_per_trade'),
  max_positions: part('properties/max_positions'),
  global_min_confidence: part('properties/global_min_confidence'),
  opp_rankings: part('properties/opp_rankings'),
  model_versions: part('properties/model_versions'),
  name: part('$defs/name'),
  key: part('properties/opp_rankings/propertyNames'),
  text: part('$defs/text'),
  member: part('$defs/struct/propertyNames'),
} satisfies Partial<Record<FieldName, ValidateFunction>> & Record<string, ValidateFunction>;

/** A part of the schema that can be checked by itself. Structs have their own walk: see struct-rules.ts. */
export type Rule = keyof typeof compiled;

/** Checks a value in REST shape against one part of the schema. Every violation is found. */
export function check(rule: Rule, value: unknown, path: Finding['path']): Finding[] {
  const tooMany = checkCount(value, path);
  if (tooMany.length > 0) return tooMany;
  const validate = compiled[rule];
  if (validate(value)) return [];
  return (validate.errors ?? [])
    .filter((error) => !isRepeated(error))
    .map((error) => ({
      path: [...path, ...innerPath(error, value)],
      description: words(error),
      ...(isOfOtherType(error) && { kind: 'type' as const }),
    }));
}

/** Counted before anything is iterated: a million bad entries are one violation. */
export function checkCount(value: unknown, path: Finding['path'], max = MAX_ENTRIES): Finding[] {
  const count = countOf(value);
  if (count <= max) return [];
  return [{ path, description: `must have at most ${max} entries, got ${count}` }];
}

function countOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function part(pointer: string): ValidateFunction {
  return ajv.compile({ $ref: `${schema.$id}#/${pointer}` });
}

/** Errors that another one states better: of the key itself, of the enum. */
function isRepeated({ keyword, parentSchema }: ErrorObject): boolean {
  return keyword === 'propertyNames' || (keyword === 'type' && (parentSchema as Stated).enum !== undefined);
}

function isOfOtherType({ keyword, data }: ErrorObject): boolean {
  return keyword === 'type' || (keyword === 'enum' && typeof data !== 'string');
}

function innerPath({ instancePath, data }: ErrorObject, root: unknown): (string | number)[] {
  // Ajv gives an error of a key the path of the object.
  if (instancePath === '' && data !== root && typeof data === 'string') return [data];
  return instancePath
    .split('/')
    .slice(1)
    .map((text) => (Array.isArray(root) ? Number(text) : text.replaceAll('~1', '/').replaceAll('~0', '~')));
}

/** The rules that a part of the schema can state about a value. */
interface Stated {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'an object',
  integer: 'an integer',
  number: 'a number',
};

function words(error: ErrorObject): string {
  const stated = error.parentSchema as Stated;
  const got = `got ${shown(error.data)}`;
  switch (error.keyword) {
    case 'type':
      return `must be ${[NOUNS[stated.type ?? ''], range(stated)].filter(Boolean).join(' ')}, ${got}`;
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
      return `must be ${range(stated)}, ${got}`;
    case 'enum':
      return `must be one of ${stated.enum?.join(', ') ?? ''}, ${got}`;
    case 'minLength':
    case 'maxLength':
      return `must have ${stated.minLength ?? 0} to ${stated.maxLength ?? 'any'} characters, ${got}`;
    case 'pattern':
      return stated.maxLength === undefined
        ? `must be well-formed Unicode, ${got}`
        : `must have no control characters and be well-formed Unicode, ${got}`;
    case 'not':
      return `must not be the reserved name ${shown(error.data)}`;
    default:
      return `${error.message ?? 'is not valid'}, ${got}`;
  }
}

function range({ minimum, exclusiveMinimum, maximum }: Stated): string {
  if (maximum === undefined) return '';
  if (exclusiveMinimum !== undefined) return `above ${exclusiveMinimum} and at most ${maximum}`;
  return `between ${minimum ?? '-∞'} and ${maximum}`;
}

import { isJsonObject } from '../json.js';
import { nearest } from '../nearest.js';
import { type FieldName, FIELDS, type Json, type JsonObject } from '../policy.js';
import { MAX_ENTRIES } from '../rules.js';
import { type Finding, shown } from '../violation.js';

/** What an operator's schema may consist of, so that no policy can make checking it slow. */
const MAX_DEPTH = 32;
const MAX_BYTES = 64 * 1024;
/** Keywords that are looked at for one policy, those inside `items` and the like once for each entry. */
export const MAX_STEPS = 200_000;
/** As many values of an enum are compared in the time that another keyword takes. */
const COMPARED_AT_ONCE = 50;

const MODES = ['DEFENSIVE', 'NORMAL', 'AGGRESSIVE'];

type Path = readonly (string | number)[];

/** What a keyword holds. */
type Holds = 'plain' | 'schema' | 'schemas' | 'members' | 'each';

/** What can be said of the policy itself. Its members are fixed, so it is useless to say which there may be. */
const OF_POLICY: Readonly<Record<string, Holds>> = {
  title: 'plain',
  description: 'plain',
  $comment: 'plain',
  type: 'plain',
  required: 'plain',
  dependentRequired: 'plain',
  properties: 'members',
  allOf: 'schemas',
  anyOf: 'schemas',
  oneOf: 'schemas',
  not: 'schema',
  if: 'schema',
  then: 'schema',
  else: 'schema',
  $ref: 'plain',
  $defs: 'plain',
};

const OF_VALUES: Readonly<Record<string, Holds>> = {
  ...OF_POLICY,
  enum: 'plain',
  const: 'plain',
  minimum: 'plain',
  maximum: 'plain',
  exclusiveMinimum: 'plain',
  exclusiveMaximum: 'plain',
  multipleOf: 'plain',
  minLength: 'plain',
  maxLength: 'plain',
  minItems: 'plain',
  maxItems: 'plain',
  minProperties: 'plain',
  maxProperties: 'plain',
  items: 'each',
  additionalProperties: 'each',
  propertyNames: 'each',
  prefixItems: 'schemas',
};

const REFUSED: Readonly<Record<string, string>> = {
  pattern: 'a pattern can take a very long time; list the values with enum',
  patternProperties: 'a pattern can take a very long time; name the members with properties',
  format: 'formats are patterns, which can take a very long time; list the values with enum',
  uniqueItems: 'it can take a very long time; the lists of a policy have no duplicates anyway',
};

export interface SchemaForm {
  readonly findings: Finding[];
  /** The fields that the schema speaks of: what it says depends on no other. */
  readonly fields: readonly FieldName[];
  /** How many keywords are looked at for one policy, at most. */
  readonly steps: number;
}

/** Looks through an operator's schema over the policy before it is compiled. Paths are within the schema. */
export function inspectSchema(schema: Json): SchemaForm {
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  if (bytes > MAX_BYTES) {
    const description = `must have at most ${MAX_BYTES} bytes as JSON, got ${bytes}`;
    return { findings: [{ path: [], description }], fields: [], steps: 0 };
  }
  const inspection = new Inspection(schema);
  inspection.look(schema, { path: [], isPolicy: true, times: 1, refs: [] });
  const fields = FIELDS.filter((field) => inspection.fields.has(field));
  if (fields.length === 0 && inspection.findings.length === 0) {
    inspection.findings.push({ path: [], description: `says nothing about a field: ${FIELDS.join(', ')}` });
  }
  return { findings: inspection.findings, fields, steps: inspection.steps };
}

interface Place {
  readonly path: Path;
  /** Whether the schema is about the policy, and not about a value in it. */
  readonly isPolicy: boolean;
  /** How often it may be looked at for one policy. */
  readonly times: number;
  /** The definitions that led here. */
  readonly refs: readonly string[];
}

class Inspection {
  readonly findings: Finding[] = [];
  readonly fields = new Set<string>();
  steps = 0;
  readonly #root: Json;

  constructor(root: Json) {
    this.#root = root;
  }

  look(schema: Json | undefined, place: Place): void {
    if (this.steps > MAX_STEPS) return;
    if (typeof schema === 'boolean' && !place.isPolicy) return;
    if (!isJsonObject(schema)) {
      this.#refuse(place.path, `must be a schema, got ${shown(schema)}`);
      return;
    }
    if (place.path.length + place.refs.length > 2 * MAX_DEPTH) {
      this.#refuse(place.path, `is nested deeper than ${MAX_DEPTH} schemas`);
      return;
    }
    for (const [keyword, value] of Object.entries(schema)) this.#keyword(keyword, value, place);
  }

  #keyword(keyword: string, value: Json, place: Place): void {
    const { isPolicy } = place;
    const path = [...place.path, keyword];
    const known = isPolicy ? OF_POLICY : OF_VALUES;
    const holds = Object.hasOwn(known, keyword) ? known[keyword] : undefined;
    this.steps += place.times * stepsOf(keyword, value);
    if (this.steps > MAX_STEPS) {
      this.#refuse([], `asks for too much: more than ${MAX_STEPS} checks of one policy`);
      return;
    }
    if (holds === undefined) {
      this.#refuse(path, whyNot(keyword, isPolicy));
      return;
    }
    if (keyword === '$ref') this.#follow(value, place, path);
    if (keyword === '$defs' && place.path.length > 0) this.#refuse(path, 'must be at the top of the schema');
    if (isPolicy) this.#mention(keyword, value, path);
    const each = { ...place, path, times: place.times === 1 ? MAX_ENTRIES : place.times };
    switch (holds) {
      case 'plain':
        return;
      case 'schema':
        this.look(value, { ...place, path });
        return;
      case 'each':
        this.look(value, { ...each, isPolicy: false });
        return;
      case 'schemas':
        this.#list(value).forEach((inner, i) => {
          this.look(inner, { ...place, path: [...path, i] });
        });
        return;
      case 'members':
        for (const [name, inner] of isJsonObject(value) ? Object.entries(value) : []) {
          if (isPolicy && name === 'risk_mode') this.#checkModes(inner, [...path, name]);
          this.look(inner, { ...place, path: [...path, name], isPolicy: false });
        }
    }
  }

  /** What is no list or no object the meta-schema finds. */
  #list(value: Json): Json[] {
    return Array.isArray(value) ? value : [];
  }

  #follow(ref: Json, place: Place, path: Path): void {
    const [, name = ''] = /^#\/\$defs\/([\w.-]+)$/.exec(typeof ref === 'string' ? ref : '') ?? [];
    const definitions = isJsonObject(this.#root) ? this.#root['$defs'] : undefined;
    if (!isJsonObject(definitions) || !Object.hasOwn(definitions, name)) {
      this.#refuse(path, `must name a definition of this schema, such as #/$defs/name, got ${shown(ref)}`);
    } else if (place.refs.includes(name)) {
      this.#refuse(path, 'leads back to itself');
    } else {
      this.look(definitions[name], { ...place, path: ['$defs', name], refs: [...place.refs, name] });
    }
  }

  #mention(keyword: string, value: Json, path: Path): void {
    const names =
      keyword === 'properties' || keyword === 'dependentRequired'
        ? Object.entries(isJsonObject(value) ? value : {}).flatMap(([name, others]) => [
            [name, name] as const,
            ...(keyword === 'properties' ? [] : this.#list(others).map((other) => [other, name] as const)),
          ])
        : keyword === 'required'
          ? this.#list(value).map((name, i) => [name, i] as const)
          : [];
    for (const [name, at] of names) {
      if (typeof name !== 'string') continue;
      if (FIELDS.some((field) => field === name)) this.fields.add(name);
      else this.#refuse([...path, at], `${shown(name)} is not a field of a policy: ${hint(name, FIELDS)}`);
    }
  }

  /** A mode that there is not would be compared with in vain. */
  #checkModes(schema: Json, path: Path): void {
    if (!isJsonObject(schema)) return;
    const modes = [
      { value: schema['const'], at: ['const'] },
      ...this.#list(schema['enum'] ?? null).map((value, i) => ({ value, at: ['enum', i] })),
    ];
    for (const { value, at } of modes) {
      if (value === undefined || MODES.some((mode) => mode === value)) continue;
      const word = typeof value === 'string' ? value : '';
      this.#refuse([...path, ...at], `${shown(value)} is not a risk mode: ${hint(word, MODES)}`);
    }
  }

  #refuse(path: Path, description: string): void {
    const isTold = this.findings.some(
      (finding) => finding.description === description && finding.path.join('/') === path.join('/'),
    );
    if (!isTold) this.findings.push({ path, description });
  }
}

/** How many keywords one is as good as. */
function stepsOf(keyword: string, value: Json): number {
  const length = (list: Json): number => (Array.isArray(list) ? list.length : 1);
  switch (keyword) {
    case 'enum':
      return 1 + Math.ceil(length(value) / COMPARED_AT_ONCE);
    case 'required':
      return 1 + length(value);
    case 'dependentRequired':
      return 1 + Object.values(isJsonObject(value) ? value : {}).flat().length;
    default:
      return 1;
  }
}

function whyNot(keyword: string, isPolicy: boolean): string {
  const reason = Object.hasOwn(REFUSED, keyword) ? REFUSED[keyword] : undefined;
  if (reason !== undefined) return `is not allowed: ${reason}`;
  if (isPolicy && Object.hasOwn(OF_VALUES, keyword)) {
    return 'cannot be said of the policy itself; say it of a field, under properties';
  }
  return `is not a keyword that can be used here: ${hint(keyword, Object.keys(OF_VALUES))}`;
}

export function hint(word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  return close === undefined ? `known are ${known.join(', ')}` : `did you mean ${close}?`;
}

const OBJECT = { type: 'object' } as const;
const ARRAY = { type: 'array' } as const;

const TYPES: Readonly<Record<FieldName, JsonObject>> = {
  risk_mode: { type: 'string' },
  allowed_strategies: ARRAY,
  allowed_symbols: ARRAY,
  max_risk_per_trade: { type: 'number' },
  max_positions: { type: 'integer' },
  global_min_confidence: { type: 'number' },
  opp_rankings: OBJECT,
  model_versions: OBJECT,
  system_health: OBJECT,
  custom_params: OBJECT,
};

/**
 * The schema with the types that the policy has anyway, so that a strict compiler finds keywords that do not fit them
 * instead of asking for what is known.
 */
export function withTypes(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(withTypes);
  if (!isJsonObject(schema)) return schema;
  const typed: JsonObject = { ...OBJECT };
  for (const [keyword, value] of Object.entries(schema)) {
    const holds = OF_POLICY[keyword];
    if (keyword === 'properties' && isJsonObject(value)) {
      const members = Object.entries(value).map(([name, inner]) => [
        name,
        isJsonObject(inner) ? { ...TYPES[name as FieldName], ...inner } : inner,
      ]);
      typed[keyword] = Object.fromEntries(members) as JsonObject;
    } else typed[keyword] = holds === 'schema' || holds === 'schemas' ? withTypes(value) : value;
  }
  return typed;
}

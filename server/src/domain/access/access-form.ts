import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

import { nearest } from '../nearest.js';
import { type Finding, shown } from '../violation.js';
import schema from './access.schema.json' with { type: 'json' };

const ajv = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  allErrors: true,
  ownProperties: true,
  verbose: true,
});
const isWellFormed = ajv.compile(schema);

/** What keeps a value from being an access file, apart from roles that it does not define. */
export function checkAccessForm(value: unknown): Finding[] {
  if (isWellFormed(value)) return [];
  return (isWellFormed.errors ?? []).filter(({ keyword }) => keyword !== 'propertyNames').map(findingOf);
}

/** The known word that was meant, or else all. */
export function hint(word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  return close === undefined ? `known are ${known.join(', ')}` : `did you mean ${close}?`;
}

/** The parts of the schema that say what is allowed. */
interface Stated {
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: object;
  readonly description?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
};

function findingOf(error: ErrorObject): Finding {
  const at = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  // An error of a key has the path of the object.
  const path = error.propertyName === undefined ? at : [...at, error.propertyName];
  const stated = error.parentSchema as Stated;
  if (error.keyword === 'additionalProperties') {
    const { additionalProperty } = error.params as { additionalProperty: string };
    const known = Object.keys(stated.properties ?? {});
    const description = `is not known here: ${hint(additionalProperty, known)}`;
    return { path: [...path, additionalProperty], description };
  }
  return { path, description: words(error, stated) };
}

function words({ keyword, data, params, message }: ErrorObject, stated: Stated): string {
  const got = `got ${shown(data)}`;
  switch (keyword) {
    case 'type': {
      const types = [stated.type ?? []].flat().map((type) => NOUNS[type] ?? type);
      return `must be ${types.join(' or ')}, ${got}`;
    }
    case 'enum':
      return `cannot be ${shown(data)}: ${hint(typeof data === 'string' ? data : '', stated.enum ?? [])}`;
    case 'required':
      return `must say ${(params as { missingProperty: string }).missingProperty}`;
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum': {
      const least = stated.minimum ?? stated.exclusiveMinimum ?? 0;
      const from = stated.minimum === undefined ? `above ${least}` : `at least ${least}`;
      return `must be ${from} and at most ${stated.maximum ?? 'any'}, ${got}`;
    }
    case 'pattern':
      return `must be ${stated.description ?? 'another'}, ${got}`;
    default:
      return `${message ?? 'is not valid'}, ${got}`;
  }
}

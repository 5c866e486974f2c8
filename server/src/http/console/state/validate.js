import { isObject } from './patch.js';

const NOUNS = {
  string: 'text',
  array: 'a list',
  object: 'an object',
  integer: 'an integer',
  number: 'a number',
};
const MAX_STRUCT_BYTES = 64 * 1024;
const MAX_STRUCT_LEVELS = 16;
const MAX_SHOWN = 60;

/**
 * What is wrong with a value by the policy's schema, in words; empty if nothing is. Knows the keywords that the schema
 * uses; the server has the last word.
 * @returns {{ path: string, message: string }[]}
 */
export function check(root, rule, value, path = '') {
  const own = rule.$ref === undefined ? rule : { ...resolve(root, rule.$ref), ...rule };
  const wrong = (message) => [{ path, message }];
  if (own.enum !== undefined && !own.enum.includes(value)) {
    return wrong(`must be one of ${own.enum.join(', ')}, got ${shown(value)}`);
  }
  if (own.type !== undefined && !hasType(own.type, value)) {
    return wrong(
      `must be ${[NOUNS[own.type], rangeText(own)].filter(Boolean).join(' ')}, got ${shown(value)}`,
    );
  }
  if (own.not?.$ref !== undefined && check(root, own.not, value).length === 0) {
    return wrong(`must not be the reserved name ${shown(value)}`);
  }
  if (typeof value === 'number')
    return isInRange(own, value) ? [] : wrong(`must be ${rangeText(own)}, got ${value}`);
  if (typeof value === 'string') return checkText(own, value).flatMap(wrong);
  if (Array.isArray(value)) {
    if (value.length > own.maxItems)
      return wrong(`must have at most ${own.maxItems} entries, has ${value.length}`);
    return own.items === undefined
      ? []
      : value.flatMap((item, i) => check(root, own.items, item, `${path}[${i}]`));
  }
  return isObject(value) ? checkMembers(root, own, value, path) : checkEither(root, own, value, path);
}

function checkEither(root, own, value, path) {
  if (own.anyOf === undefined || own.anyOf.some((rule) => check(root, rule, value).length === 0)) return [];
  return [
    {
      path,
      message:
        value === null
          ? 'must not be null: inside an array a null neither removes nor is stored'
          : `is not valid, got ${shown(value)}`,
    },
  ];
}

function checkText({ minLength, maxLength, pattern }, value) {
  const length = [...value].length;
  if (length < (minLength ?? 0) || length > (maxLength ?? Infinity)) {
    return [`must have ${minLength ?? 0} to ${maxLength ?? 'any'} characters, got ${shown(value)}`];
  }
  if (pattern === undefined || new RegExp(pattern, 'u').test(value)) return [];
  return [
    maxLength === undefined
      ? `must be well-formed Unicode, got ${shown(value)}`
      : `must have no control characters and be well-formed Unicode, got ${shown(value)}`,
  ];
}

function checkMembers(root, own, value, path) {
  const keys = Object.keys(value);
  if (keys.length > (own.maxProperties ?? Infinity)) {
    return [{ path, message: `must have at most ${own.maxProperties} entries, has ${keys.length}` }];
  }
  return keys.flatMap((key) => {
    const at = path === '' ? key : `${path}.${key}`;
    const named = own.propertyNames === undefined ? [] : check(root, own.propertyNames, key, at);
    if (named.length > 0) return named;
    return isObject(own.additionalProperties)
      ? checkValue(root, own.additionalProperties, value[key], at)
      : [];
  });
}

/** Any JSON is checked by what it is, so that what is wrong deep inside is named. */
function checkValue(root, rule, value, path) {
  const own = rule.$ref === undefined ? rule : resolve(root, rule.$ref);
  if (own.anyOf === undefined) return check(root, rule, value, path);
  const kind = Array.isArray(value) ? 'array' : isObject(value) ? 'object' : undefined;
  const fitting = own.anyOf
    .map((one) => (one.$ref === undefined ? one : resolve(root, one.$ref)))
    .find((one) => one.type === kind);
  if (fitting === undefined) return check(root, own, value, path);
  return fitting.type === 'array'
    ? value.flatMap((item, i) => checkValue(root, fitting.items, item, `${path}[${i}]`))
    : check(root, fitting, value, path);
}

function resolve(root, ref) {
  return ref
    .split('/')
    .slice(1)
    .reduce((node, part) => node[part], root);
}

function hasType(type, value) {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'number') return Number.isFinite(value);
  return typeof value === type;
}

function isInRange({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }, value) {
  return (
    value >= (minimum ?? -Infinity) &&
    value > (exclusiveMinimum ?? -Infinity) &&
    value <= (maximum ?? Infinity) &&
    value < (exclusiveMaximum ?? Infinity)
  );
}

/** The bounds that a rule states, in words. */
export function rangeText({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }, format = String) {
  const low = exclusiveMinimum !== undefined ? `above ${format(exclusiveMinimum)}` : undefined;
  const high = exclusiveMaximum !== undefined ? `below ${format(exclusiveMaximum)}` : undefined;
  if (minimum !== undefined && maximum !== undefined && !low && !high) {
    return `between ${format(minimum)} and ${format(maximum)}`;
  }
  const from = low ?? (minimum === undefined ? undefined : `at least ${format(minimum)}`);
  const to = high ?? (maximum === undefined ? undefined : `at most ${format(maximum)}`);
  return [from, to].filter(Boolean).join(' and ');
}

function shown(value) {
  if (isObject(value)) return 'an object';
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'string') return String(value);
  const text = JSON.stringify(value.slice(0, MAX_SHOWN));
  return value.length > MAX_SHOWN ? `${text.slice(0, -1)}…"` : text;
}

/** What the guardrails say of a new value; a value that only becomes stricter may always go there. */
export function checkBounds(bounds, value) {
  if (bounds === undefined) return [];
  if (bounds.enum !== undefined && !bounds.enum.includes(value)) {
    return [`guardrail: must be one of ${bounds.enum.join(', ')}`];
  }
  return typeof value !== 'number' || isInRange(bounds, value)
    ? []
    : [`guardrail: must be ${rangeText(bounds)}`];
}

/** What the schema cannot say of a struct: how large and how deep it may be. */
export function checkStructSize(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
  if (bytes > MAX_STRUCT_BYTES) return [`must be at most 64 KiB as JSON, is ${bytes} bytes`];
  return levels(value) > MAX_STRUCT_LEVELS ? [`must be at most ${MAX_STRUCT_LEVELS} levels deep`] : [];
}

function levels(value) {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(levels));
}

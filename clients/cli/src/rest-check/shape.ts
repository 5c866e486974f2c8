/** What is not as it should be: where, what should be there, and what is. */
export interface Difference {
  /** Such as `policy.max_positions`. Empty: the whole. */
  readonly at: string;
  readonly expected: string;
  readonly got: string;
}

/** Looks at a value, which stands at `at`, and says the first thing that is wrong with it. */
export type Shape = (value: unknown, at: string) => Difference | undefined;

const LONGEST = 300;

/** A value in the words of JSON, not too long for a line. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
}

/** A shape by a test and the words for it. */
export function that(expected: string, holds: (value: unknown) => boolean): Shape {
  return (value, at) => (holds(value) ? undefined : { at, expected, got: shown(value) });
}

export const text = that('a text', (value) => typeof value === 'string');
export const truth = that('true or false', (value) => typeof value === 'boolean');
export const number = that('a number', (value) => typeof value === 'number');

export function within(min: number, max: number): Shape {
  return that(`a number from ${min} to ${max}`, (value) => {
    return typeof value === 'number' && value >= min && value <= max;
  });
}

export function matching(pattern: RegExp, expected: string): Shape {
  return that(expected, (value) => typeof value === 'string' && pattern.test(value));
}

/** Deeply, whatever the order of keys. */
export function equal(wanted: unknown): Shape {
  return that(shown(wanted), (value) => canonical(value) === canonical(wanted));
}

export function oneOf(...values: readonly unknown[]): Shape {
  return that(values.map(shown).join(' or '), (value) => values.includes(value));
}

export function orNull(shape: Shape): Shape {
  return (value, at) => {
    const wrong = value === null ? undefined : shape(value, at);
    return wrong && { ...wrong, expected: `${wrong.expected}, or null` };
  };
}

export function listOf(shape: Shape): Shape {
  return (value, at) => {
    if (!Array.isArray(value)) return { at, expected: 'a list', got: shown(value) };
    return firstOf(value.map((each, i) => () => shape(each, `${at}[${i}]`)));
  };
}

export function mapOf(shape: Shape): Shape {
  return (value, at) => {
    if (!isObject(value)) return { at, expected: 'an object', got: shown(value) };
    return firstOf(
      Object.entries(value).map(
        ([key, each]) =>
          () =>
            shape(each, member(at, key)),
      ),
    );
  };
}

/** An object with exactly these keys. */
export function object(members: Readonly<Record<string, Shape>>): Shape {
  return (value, at) => {
    if (!isObject(value)) return { at, expected: 'an object', got: shown(value) };
    const wanted = Object.keys(members);
    const missing = wanted.filter((key) => !Object.hasOwn(value, key));
    const surplus = Object.keys(value).filter((key) => !Object.hasOwn(members, key));
    if (missing.length + surplus.length > 0) return { at, ...keysDiffer(wanted, missing, surplus) };
    return having(members)(value, at);
  };
}

/** An object with these keys, and perhaps others. */
export function having(members: Readonly<Record<string, Shape>>): Shape {
  return (value, at) => {
    if (!isObject(value)) return { at, expected: 'an object', got: shown(value) };
    return firstOf(
      Object.entries(members).map(
        ([key, shape]) =>
          () =>
            shape(value[key], member(at, key)),
      ),
    );
  };
}

function keysDiffer(
  wanted: readonly string[],
  missing: readonly string[],
  surplus: readonly string[],
): Pick<Difference, 'expected' | 'got'> {
  const said = [
    ...(missing.length > 0 ? [`no ${missing.join(', ')}`] : []),
    ...(surplus.length > 0 ? [`also ${surplus.join(', ')}`] : []),
  ];
  return { expected: `exactly the keys ${wanted.join(', ')}`, got: said.join('; ') };
}

function firstOf(looks: readonly (() => Difference | undefined)[]): Difference | undefined {
  for (const look of looks) {
    const wrong = look();
    if (wrong) return wrong;
  }
  return undefined;
}

function member(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    isObject(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}

/** An enum of the contract, as the compiler makes it. */
type Enum<E> = Readonly<Record<string, E | string>>;

/**
 * A name would be sent as if nothing had been given, or make the call fail in an unclear way.
 *
 * @param what What the value is, as a message begins: `the preset`.
 * @param type The name of `members`, such as `Preset`.
 * @throws TypeError unless it is a number of the enum's kind; one that only newer servers know is theirs to judge.
 */
export function readEnum<E extends number>(what: string, type: string, members: Enum<E>, value: E): E {
  const number: number = value;
  if ((number | 0) === number) return value;
  throw new TypeError(`${what} must be one of ${namesOf(type, members)}, not ${JSON.stringify(value)}`);
}

/** The members as they are written: `Preset.BALANCED, …`. */
export function namesOf(type: string, members: Enum<number>): string {
  return Object.keys(members)
    .filter((name) => typeof members[name] === 'number' && name !== 'UNSPECIFIED')
    .map((name) => `${type}.${name}`)
    .join(', ');
}

/** One field that breaks a rule. */
export interface Violation {
  /**
   * The path in the contract's names: `max_positions`, `opp_rankings.BTCUSDT`, `custom_params.a.b`. A name in a list is
   * `allowed_symbols[3]`; in a patch `allowed_symbols.add[3]`, and one that goes `opp_rankings.remove[3]`.
   */
  readonly field: string;
  /** The rule in words, and how to keep it. */
  readonly description: string;
}

/** A violation before it is reported: its path still in parts, numbers being places in a list. */
export interface Finding {
  readonly path: readonly (string | number)[];
  readonly description: string;
  /** Where more is known than that the value is wrong. */
  readonly kind?: 'type' | 'unknown' | 'missing';
}

const MAX_REPORTED = 100;
const MAX_SHOWN = 60;

/** The findings as violations; beyond a hundred they are only counted. */
export function report(findings: readonly Finding[]): Violation[] {
  const violations = findings.slice(0, MAX_REPORTED).map(({ path, description }) => ({
    field: pathText(path),
    description,
  }));
  const more = findings.length - violations.length;
  if (more > 0) violations.push({ field: '…', description: `and ${more} more` });
  return violations;
}

export function pathText(path: Finding['path']): string {
  return path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = /^\P{C}{1,128}$/u.test(part) ? part : shown(part);
      return i === 0 ? text : `.${text}`;
    })
    .join('');
}

/** An offending value, short enough for an error message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const text = JSON.stringify(value.slice(0, MAX_SHOWN));
    return value.length > MAX_SHOWN ? `${text.slice(0, -1)}…"` : text;
  }
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  return value === undefined ? 'nothing' : 'an object';
}

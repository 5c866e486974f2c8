/** What stands for the names beyond the bound. */
const OTHER = 'other';
/** A name is at most as long in a label. */
const MAX_LENGTH = 128;

/**
 * Names that callers choose, as values of a label: only so many distinct ones, for each makes a time series that stays. The
 * first that come have their own.
 */
export class BoundedNames {
  readonly #most: number;
  readonly #known = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The name itself, `unnamed` for none, or `other`. */
  label(name: string): string {
    const label = name === '' ? 'unnamed' : name.slice(0, MAX_LENGTH);
    if (this.#known.has(label)) return label;
    if (this.#known.size >= this.#most) return OTHER;
    this.#known.add(label);
    return label;
  }
}

import { nameProblem } from './identity-name.js';

const MAX_TOKENS = 10_000;
const MAX_PROBLEMS = 20;
const HASH = /^sha256:([0-9a-f]{64})$/i;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z$/;

/** A token that the server accepts, as its file says. */
export interface TokenEntry {
  /** SHA-256 of the token. */
  readonly hash: Buffer;
  readonly name: string;
  /** In milliseconds since the Unix epoch. Undefined: it does not expire. */
  readonly expiresAt: number | undefined;
}

/** The line of a token, as `parseTokens` reads it. */
export function tokenLine({ hash, name, expiresAt }: TokenEntry): string {
  const expiry = expiresAt === undefined ? [] : [new Date(expiresAt).toISOString()];
  return [`sha256:${hash.toString('hex')}`, name, ...expiry].join(' ');
}

/**
 * Lines of `sha256:HASH IDENTITY [EXPIRY]`; empty ones and those that begin with # say nothing.
 * @param source the name of the file, for errors.
 * @throws Error with every problem on a line of its own. A line may hold a token by mistake, so none is shown.
 */
export function parseTokens(text: string, source: string): readonly TokenEntry[] {
  const entries: TokenEntry[] = [];
  const problems: string[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const parts = line.trim().split(/\s+/);
    if (parts[0] === '' || parts[0]?.startsWith('#')) continue;
    const entry = parseLine(parts);
    if (typeof entry === 'string') {
      problems.push(`${source}, line ${index + 1}: ${entry}`);
      continue;
    }
    const key = entry.hash.toString('hex');
    const first = lineOf.get(key);
    if (first !== undefined)
      problems.push(`${source}, line ${index + 1}: is the same token as line ${first}`);
    lineOf.set(key, index + 1);
    entries.push(entry);
  }
  if (entries.length > MAX_TOKENS) problems.push(`${source}: has more than ${MAX_TOKENS} tokens`);
  if (problems.length > 0) throw new Error(listed(problems, source));
  return entries;
}

/** The entry, or what is wrong with its line. */
function parseLine([first = '', name = '', expiry, ...more]: readonly string[]): TokenEntry | string {
  const hash = HASH.exec(first)?.[1];
  if (hash === undefined) {
    return (
      'must begin with sha256: and 64 hexadecimal digits, never with the token itself; ' +
      '`policy-server token create --identity NAME` prints such a line'
    );
  }
  if (name === '') return 'names no identity; write sha256:HASH IDENTITY';
  const problem = nameProblem(name);
  if (problem !== undefined) return `the identity ${problem}`;
  if (more.length > 0) return 'has more than hash, identity and expiry; names have no spaces';
  const expiresAt = expiry === undefined ? undefined : parseTime(expiry);
  if (Number.isNaN(expiresAt)) return 'ends with no time; write it in UTC, such as 2027-01-31T00:00:00Z';
  return { hash: Buffer.from(hash, 'hex'), name, expiresAt };
}

function parseTime(text: string): number {
  return TIME.test(text) ? Date.parse(text) : NaN;
}

function listed(problems: readonly string[], source: string): string {
  const more = problems.length - MAX_PROBLEMS;
  return [...problems.slice(0, MAX_PROBLEMS), ...(more > 0 ? [`${source}: and ${more} more`] : [])].join(
    '\n',
  );
}

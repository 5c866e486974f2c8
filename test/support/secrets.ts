/** Of every credential that a test made, a part that tells it from all else. */
const secrets = new Set<string>();
/** Where that part is: behind what all tokens, or all JWTs of one issuer, begin with. */
const PART = { start: -40, end: -20 };

interface Log {
  readonly read: () => string;
  searchedTo: number;
  over: boolean;
}

const logs = new Set<Log>();
/** Of what was searched before, so that nothing is missed that was written in two pieces. */
const OVERLAP = 200;

/** From now on no log may show any of it. */
export function keepSecret(secret: string): string {
  if (secret.length < -PART.start) throw new RangeError('a secret too short to be told from all else');
  secrets.add(secret.slice(PART.start, PART.end));
  return secret;
}

/**
 * What a program writes is searched for secrets after every test, whatever the test is about.
 * @param read all that it wrote so far. The result says that it writes no more.
 */
export function searchForSecrets(read: () => string): () => void {
  const log: Log = { read, searchedTo: 0, over: false };
  logs.add(log);
  return () => {
    log.over = true;
  };
}

function search(log: Log): void {
  const text = log.read();
  const fresh = text.slice(Math.max(0, log.searchedTo - OVERLAP));
  log.searchedTo = text.length;
  if (log.over) logs.delete(log);
  for (const secret of secrets) {
    const at = fresh.indexOf(secret);
    if (at >= 0) throw new Error(`a secret is in a log, behind: ${fresh.slice(Math.max(0, at - 300), at)}`);
  }
}

/** Of all tests. */
export const mochaHooks = {
  afterEach(): void {
    for (const log of [...logs]) search(log);
  },
};

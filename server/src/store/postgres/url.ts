import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { type Address, badUrl, type BadUrl, decodePart, splitServerUrl } from '../server-url.js';

/** What a PostgreSQL URL says. */
export interface PostgresTarget {
  /** At least one; tried in order, the first that takes writes is used. */
  readonly addresses: readonly Address[];
  readonly user: string;
  /** Empty: none is needed. */
  readonly password: string;
  readonly database: string;
  /** undefined: no TLS. */
  readonly tls: PostgresTls | undefined;
  /** Settings of each session, as in libpq: `-c search_path=policy`. */
  readonly options: string;
}

export interface PostgresTls {
  /** What of the server's certificate is verified: nothing; who issued it; that, and that it is of this host. */
  readonly verify: 'none' | 'ca' | 'full';
  /** PEM; undefined: the authorities that Node trusts. */
  readonly ca: string | undefined;
  /** PEM of the certificate by which this side logs in, and its key; undefined: none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

const PORTS = new Map([
  ['postgres', 5432],
  ['postgresql', 5432],
]);

const FORMS =
  'postgres://user[:password]@host[:port][,host[:port]…][/database][?sslmode=…], and the same with postgresql://';

const FILES = ['sslrootcert', 'sslcert', 'sslkey'] as const;
const PARAMETERS = ['sslmode', ...FILES, 'options'] as const;
type Parameter = (typeof PARAMETERS)[number];
type Parameters = ReadonlyMap<Parameter, string>;

/**
 * Reads the files of certificates too.
 * @throws StoreUnusable that names the part at fault, never the password.
 */
export function parsePostgresUrl(url: string): PostgresTarget {
  const bad = badUrl('PostgreSQL', url);
  const { login, addresses, path, query } = splitServerUrl(url, PORTS, FORMS, bad);
  const { user, password } = parseLogin(login, bad);
  const parameters = parseQuery(query, bad);
  return {
    addresses,
    user,
    password,
    database: parsePath(path, bad) ?? user,
    tls: readTls(parameters, bad),
    options: parameters.get('options') ?? '',
  };
}

function parseLogin(login = '', bad: BadUrl): Pick<PostgresTarget, 'user' | 'password'> {
  const [user = '', ...password] = login.split(':');
  if (user === '') throw bad('the user is missing: postgres://user[:password]@host');
  const what = 'the user name or password';
  return { user: decode(user, what, bad), password: decode(password.join(':'), what, bad) };
}

function parsePath(path: readonly string[], bad: BadUrl): string | undefined {
  const [database, ...more] = path;
  if (database === '' || more.length > 0) {
    throw bad('what follows the addresses must be the name of one database; within a name write / as %2F');
  }
  return database === undefined ? undefined : decode(database, 'the name of the database', bad);
}

function parseQuery(query: string, bad: BadUrl): Parameters {
  const parameters = new Map<Parameter, string>();
  for (const pair of query === '' ? [] : query.split('&')) {
    const [written = '', ...value] = pair.split('=');
    if (written === 'password' || written === 'user') {
      throw bad(`${written} belongs before the @: postgres://user[:password]@host`);
    }
    const name = PARAMETERS.find((each) => each === written);
    // What is written may be a part of a password, so it is not repeated.
    if (name === undefined) throw bad(`after the ? may stand only ${PARAMETERS.join(', ')}`);
    if (parameters.has(name)) throw bad(`${name} is given twice`);
    parameters.set(name, decode(value.join('='), name, bad));
  }
  return parameters;
}

function readTls(parameters: Parameters, bad: BadUrl): PostgresTls | undefined {
  const files = FILES.filter((name) => parameters.has(name));
  const mode = parameters.get('sslmode') ?? 'disable';
  const verify = verificationOf(mode, parameters.has('sslrootcert'), bad);
  if (verify === undefined) {
    if (files[0] === undefined) return undefined;
    throw bad(`${files[0]} needs TLS: add sslmode=verify-full, verify-ca or require`);
  }
  if (parameters.has('sslcert') !== parameters.has('sslkey')) {
    throw bad('sslcert and sslkey belong together, and one of them is missing');
  }
  const [ca, cert, key] = FILES.map((name) => readFile(name, parameters, bad));
  try {
    // An empty file would stand for all authorities that Node trusts.
    if (ca !== undefined) new X509Certificate(ca);
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw bad(`${files.join(', ')}: no PEM, or not of each other (${(error as Error).message})`);
  }
  return { verify, ca, cert, key };
}

/** undefined: no TLS. */
function verificationOf(mode: string, hasAuthority: boolean, bad: BadUrl): PostgresTls['verify'] | undefined {
  switch (mode) {
    case 'disable':
      return undefined;
    case 'require':
      return hasAuthority ? 'ca' : 'none';
    case 'verify-ca':
      // Anyone gets a certificate for some host of his own from the authorities that Node trusts.
      if (!hasAuthority) throw bad('sslmode=verify-ca needs sslrootcert, the file of the authority');
      return 'ca';
    case 'verify-full':
      return 'full';
    case 'allow':
    case 'prefer':
      throw bad(`sslmode=${mode} would go on without TLS unnoticed; write require, verify-ca or verify-full`);
    default:
      throw bad('sslmode must be disable, require, verify-ca or verify-full');
  }
}

function readFile(name: Parameter, parameters: Parameters, bad: BadUrl): string | undefined {
  const path = parameters.get(name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // Its message has the path, which could be the key itself; the URL shows it if it is one.
    throw bad(`the file of ${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

function decode(text: string, what: string, bad: BadUrl): string {
  const decoded = decodePart(text, what, bad);
  // PostgreSQL ends each value with one: what follows would be taken for the next setting.
  if (decoded.includes('\0')) throw bad(`${what} holds %00, which PostgreSQL does not know`);
  return decoded;
}

import { Command, Option } from 'commander';

/** A setting: an environment variable and the flag that wins over it. */
export interface Setting {
  readonly env: string;
  readonly flag: string;
  readonly placeholder: string;
  readonly group: string;
  readonly description: string;
  /** As text, in the form that the user would write. Absent: none, or decided at start. */
  readonly fallback?: string;
}

const STORE = 'Store:';
const NETWORK = 'Network:';
const IDENTITY = 'Identity of callers; with any of the first three, each has to prove who it is:';
const ACCESS = 'Access:';
const POLICY = 'Policy:';
const LOGGING = 'Logging:';
const DEFAULTS = 'Defaults for Reset, for scalars absent in an Update, and for a new namespace:';

const TABLE = {
  store: {
    env: 'POLICY_STORE',
    flag: '--store',
    placeholder: '<url>',
    group: STORE,
    description:
      'where the log is kept: memory:, sqlite:PATH, redis://, rediss://, redis+sentinel://, redis+cluster://, postgres://',
    fallback: 'sqlite:data/policy.db',
  },
  logMaxChanges: {
    env: 'POLICY_LOG_MAX_CHANGES',
    flag: '--log-max-changes',
    placeholder: '<count>',
    group: STORE,
    description: 'changes that a namespace keeps in its log; at least 1000',
    fallback: '100000',
  },
  logMaxBytes: {
    env: 'POLICY_LOG_MAX_BYTES',
    flag: '--log-max-bytes',
    placeholder: '<size>',
    group: STORE,
    description: 'bytes that a namespace keeps in its log, such as 64MiB; at least 1MiB',
    fallback: '64MiB',
  },
  logMaxAge: {
    env: 'POLICY_LOG_MAX_AGE',
    flag: '--log-max-age',
    placeholder: '<duration>',
    group: STORE,
    description: 'how old a change in the log may become, such as 90d or 12h; at least 1h; absent: any age',
  },
  olderStore: {
    env: 'POLICY_OLDER_STORE',
    flag: '--older-store',
    placeholder: '<action>',
    group: STORE,
    description:
      'when the store comes back older than this server: heal puts back what it lost; halt reduces trading until an operator decides',
    fallback: 'heal',
  },
  grpcAddr: {
    env: 'POLICY_GRPC_ADDR',
    flag: '--grpc-addr',
    placeholder: '<host:port>',
    group: NETWORK,
    description: 'where gRPC listens; port 0 takes a free one',
    fallback: '127.0.0.1:50051',
  },
  httpAddr: {
    env: 'POLICY_HTTP_ADDR',
    flag: '--http-addr',
    placeholder: '<host:port>',
    group: NETWORK,
    description:
      'where REST, metrics, health and the console are served; port 0 takes a free one; off: they are not',
    fallback: '127.0.0.1:8000',
  },
  httpHosts: {
    env: 'POLICY_HTTP_HOSTS',
    flag: '--http-hosts',
    placeholder: '<names>',
    group: NETWORK,
    description:
      'further host names that the HTTP port may be called by, separated by commas; its own address and localhost always may',
  },
  insecure: {
    env: 'POLICY_INSECURE',
    flag: '--insecure',
    placeholder: '',
    group: NETWORK,
    description:
      'allow an address that others can reach without both encryption and identities (env: POLICY_INSECURE=1)',
    fallback: '0',
  },
  tlsCert: {
    env: 'POLICY_TLS_CERT',
    flag: '--tls-cert',
    placeholder: '<file>',
    group: NETWORK,
    description:
      'the certificate to serve TLS with, and those of its issuers, as PEM; read again when it changes, as are key and authorities; absent: nothing is encrypted',
  },
  tlsKey: {
    env: 'POLICY_TLS_KEY',
    flag: '--tls-key',
    placeholder: '<file>',
    group: NETWORK,
    description: 'the private key of that certificate, as PEM without a passphrase',
  },
  tlsClientCa: {
    env: 'POLICY_TLS_CLIENT_CA',
    flag: '--tls-client-ca',
    placeholder: '<file>',
    group: IDENTITY,
    description:
      'the authorities that issue client certificates, as PEM: a client is who the URI or else the common name of its certificate says',
  },
  tokens: {
    env: 'POLICY_TOKENS',
    flag: '--tokens',
    placeholder: '<file>',
    group: IDENTITY,
    description:
      'the hashes of bearer tokens, a line each; policy-server token create makes one; read again when it changes',
  },
  jwks: {
    env: 'POLICY_JWKS',
    flag: '--jwks',
    placeholder: '<file|url>',
    group: IDENTITY,
    description:
      'the public keys that check JWTs, as a JSON Web Key Set in a file or at an https URL: a client is who the sub of its JWT says',
  },
  jwtIssuer: {
    env: 'POLICY_JWT_ISSUER',
    flag: '--jwt-issuer',
    placeholder: '<iss>',
    group: IDENTITY,
    description: 'the iss that every JWT must have',
  },
  jwtAudience: {
    env: 'POLICY_JWT_AUDIENCE',
    flag: '--jwt-audience',
    placeholder: '<aud>',
    group: IDENTITY,
    description: 'the aud that every JWT must have',
  },
  jwtAlgorithms: {
    env: 'POLICY_JWT_ALGORITHMS',
    flag: '--jwt-algorithms',
    placeholder: '<names>',
    group: IDENTITY,
    description: 'the alg that a JWT may have, separated by commas; asymmetric ones only',
    fallback: 'RS256,PS256,ES256,EdDSA',
  },
  access: {
    env: 'POLICY_ACCESS',
    flag: '--access',
    placeholder: '<file>',
    group: ACCESS,
    description:
      'who may do what: a YAML or JSON file of roles and identities, read again when it changes; needs authentication',
  },
  namespaces: {
    env: 'POLICY_NAMESPACES',
    flag: '--namespaces',
    placeholder: '<names>',
    group: POLICY,
    description: 'the namespaces served, separated by commas; at most 100 of [a-z0-9-]{1,63}',
    fallback: 'default',
  },
  lease: {
    env: 'POLICY_LEASE',
    flag: '--lease',
    placeholder: '<duration>',
    group: POLICY,
    description: 'how long an answer may be believed after the store confirmed it; at least 1s',
    fallback: '10s',
  },
  expected: {
    env: 'POLICY_EXPECTED',
    flag: '--expected',
    placeholder: '<counts>',
    group: POLICY,
    description:
      'components that should watch and acknowledge, and how many of each, such as executor:20,risk_guard:2; others are told who is missing',
  },
  guardrails: {
    env: 'POLICY_GUARDRAILS',
    flag: '--guardrails',
    placeholder: '<file>',
    group: POLICY,
    description:
      'a YAML or JSON file of what no writer can exceed: a JSON Schema over the policy, and how far a field may move per change and per hour; read again when it changes',
  },
  initial: {
    env: 'POLICY_INITIAL',
    flag: '--initial',
    placeholder: '<preset|file>',
    group: POLICY,
    description:
      'the policy of a new namespace: default, conservative, aggressive, or a YAML or JSON file; absent: the defaults below',
  },
  riskMode: {
    env: 'QT_RISK_MODE',
    flag: '--qt-risk-mode',
    placeholder: '<mode>',
    group: DEFAULTS,
    description: 'DEFENSIVE, NORMAL or AGGRESSIVE',
    fallback: 'NORMAL',
  },
  maxRiskPerTrade: {
    env: 'QT_MAX_RISK_PER_TRADE',
    flag: '--qt-max-risk-per-trade',
    placeholder: '<share>',
    group: DEFAULTS,
    description: 'share of equity that one trade may lose, above 0, at most 1',
    fallback: '0.01',
  },
  maxPositions: {
    env: 'QT_MAX_POSITIONS',
    flag: '--qt-max-positions',
    placeholder: '<count>',
    group: DEFAULTS,
    description: 'positions open at once, 1 to 100',
    fallback: '5',
  },
  confidenceThreshold: {
    env: 'QT_CONFIDENCE_THRESHOLD',
    flag: '--qt-confidence-threshold',
    placeholder: '<share>',
    group: DEFAULTS,
    description: 'least confidence a signal needs, 0 to 1',
    fallback: '0.70',
  },
  logLevel: {
    env: 'POLICY_LOG_LEVEL',
    flag: '--log-level',
    placeholder: '<level>',
    group: LOGGING,
    description: 'debug, info, warn or error',
    fallback: 'info',
  },
  logFormat: {
    env: 'POLICY_LOG_FORMAT',
    flag: '--log-format',
    placeholder: '<format>',
    group: LOGGING,
    description: 'pretty or json; absent: pretty on a terminal, json else',
  },
} satisfies Record<string, Setting>;

export type SettingName = keyof typeof TABLE;
export const SETTINGS: Readonly<Record<SettingName, Setting>> = TABLE;
export const SETTING_NAMES = Object.keys(TABLE) as SettingName[];

/** What the user wrote, by setting. Absent: neither flag nor environment says anything. */
export type Given = Partial<Record<SettingName, string>>;

/**
 * Reads flags and environment; an empty variable counts as absent. Prints help, version and complaints about
 * flags by itself.
 * @throws CommanderError with `exitCode` 0 after help and version, else 1.
 */
export function readGiven(argv: readonly string[], version: string): Given {
  const program = createProgram(version).parse(argv, { from: 'user' });
  const values = program.opts<Record<string, string | boolean | undefined>>();
  const given: Given = {};
  for (const name of SETTING_NAMES) {
    const setting = SETTINGS[name];
    const key = attribute(setting);
    const source = program.getOptionValueSource(key);
    const value = source === 'default' ? undefined : values[key];
    if (typeof value === 'string' && !(value === '' && source === 'env')) given[name] = value;
    if (value === true) given[name] = '1';
  }
  // Commander takes the mere presence of a variable for yes; POLICY_INSECURE=0 must mean no.
  const insecure = process.env[SETTINGS.insecure.env];
  if (given.insecure === undefined && insecure !== undefined && insecure !== '') given.insecure = insecure;
  return given;
}

function createProgram(version: string): Command {
  const program = new Command('policy-server')
    .description(
      'Serves the trading policy to everything that trades. A flag wins over its environment variable.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withoutValue(text)) })
    .configureHelp({ helpWidth: 110 })
    .addHelpText('after', '\nBearer tokens are made by: policy-server token create --help');
  for (const name of SETTING_NAMES) program.addOption(option(SETTINGS[name]));
  return program;
}

/** A misspelt flag is shown without its value, which may be a password. */
function withoutValue(complaint: string): string {
  return complaint.replace(/^(error: unknown option '--?[\w-]*).*'/s, "$1'");
}

function option(setting: Setting): Option {
  const { flag, placeholder, description, group, fallback, env } = setting;
  const made = new Option(`${flag} ${placeholder}`.trim(), description).helpGroup(group);
  if (placeholder === '') return made;
  if (fallback !== undefined) made.default(fallback, fallback);
  return made.env(env);
}

function attribute(setting: Setting): string {
  return new Option(setting.flag).attributeName();
}

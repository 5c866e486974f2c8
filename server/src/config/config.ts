import { readFileSync } from 'node:fs';

import { parseAccess } from '../domain/access/access-file.js';
import type { Defaults } from '../domain/defaults.js';
import { parseGuardrails } from '../domain/guardrails/parse-guardrails.js';
import { parseInitial } from '../domain/initial.js';
import type { Policy } from '../domain/policy.js';
import { policyOf, presetPolicy, presets } from '../domain/presets.js';
import { LOG_FORMATS, LOG_LEVELS, type LogOptions } from '../log.js';
import { redactUrl } from '../redact-url.js';
import type { LogBounds } from '../store/store.js';
import type { CertificatePaths } from '../tls/certificates.js';
import type { Read } from './read.js';
import {
  type AuthSettings,
  readAuth,
  readTls,
  showKeyPath,
  showKeyPlace,
  showTokensPath,
} from './read-identity.js';
import { type Given, readGiven, SETTING_NAMES, type SettingName, SETTINGS } from './settings.js';
import { parseStoreUrl, type StoreUrl } from './store-url.js';
import {
  type Address,
  BadValue,
  oneOf,
  parseAddress,
  parseExpected,
  parseHosts,
  parseLease,
  parseLogAge,
  parseLogBytes,
  parseLogChanges,
  parseNamespaces,
  parseRiskMode,
  parseScalar,
  parseSwitch,
} from './values.js';

const OLDER_STORE = ['heal', 'halt'] as const;

export interface HttpSettings {
  readonly address: string;
  /** Host names that it may be called by, beside its own address and those of loopback; in lower case. */
  readonly hosts: readonly string[];
  /** As `Config.exposedWithout`. */
  readonly exposedWithout: string | undefined;
}

/** Everything that the server is told, checked. */
export interface Config {
  readonly store: StoreUrl;
  readonly logBounds: LogBounds;
  /** What to do when the store comes back older than this server. */
  readonly olderStore: (typeof OLDER_STORE)[number];
  readonly grpcAddress: string;
  /** What an address that others can reach lacks, such as `encryption`. Undefined: nothing, or nobody reaches it. */
  readonly exposedWithout: string | undefined;
  /** Undefined: HTTP is not served. */
  readonly http: HttpSettings | undefined;
  /** Undefined: nothing is encrypted. */
  readonly tls: CertificatePaths | undefined;
  readonly auth: AuthSettings;
  /** Whether callers have to prove who they are. */
  readonly authenticates: boolean;
  readonly namespaces: readonly string[];
  readonly leaseMs: number;
  /** Who should watch and acknowledge, in every namespace. */
  readonly expected: readonly { readonly component: string; readonly count: number }[];
  readonly defaults: Defaults;
  readonly initial: Policy;
  /** The file that says who may do what, which can be used. Undefined: there is none. */
  readonly accessPath: string | undefined;
  /** The file of the guardrails, which can be used. Undefined: there are none. */
  readonly guardrailsPath: string | undefined;
  readonly log: LogOptions;
  /** The settings in effect as text, by environment name, without secrets. */
  readonly effective: Readonly<Record<string, string>>;
  /** Given settings that matter only when a namespace is created. */
  readonly creationSettings: readonly string[];
}

/** Settings that the server cannot start with; one problem per line. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings';
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/**
 * Reads the settings from flags and environment.
 * @throws BadSettings with every problem; CommanderError after help, version or a bad flag.
 */
export function readConfig(argv: readonly string[], version: string, isTerminal: boolean): Config {
  const given = readGiven(argv, version);
  const texts = withFallbacks(given, isTerminal);
  const problems: string[] = [];
  const read: Read = (name, parse) => {
    try {
      return parse(texts[name] ?? '');
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      problems.push(complaint(name, texts[name] ?? '', error.message));
      return undefined;
    }
  };

  const insecure = read('insecure', parseSwitch);
  const tls = readTls(read);
  const auth = readAuth(read, tls);
  const authenticates = PROOFS.some((name) => isSaid(given[name]));
  const parseListening = (text: string): { text: string; lacks: string | undefined } => ({
    text,
    lacks: lacking(parseAddress(text), isSaid(given.tlsCert), authenticates, insecure),
  });
  const address = read('grpcAddr', parseListening);
  const httpAddress = read('httpAddr', (text) =>
    text === 'off' ? { text, lacks: undefined } : parseListening(text),
  );
  const httpHosts = read('httpHosts', parseHosts);
  const store = read('store', parseStoreUrl);
  const maxEntries = read('logMaxChanges', parseLogChanges);
  const maxBytes = read('logMaxBytes', parseLogBytes);
  const maxAgeMs = read('logMaxAge', parseLogAge);
  const olderStore = read('olderStore', oneOf(OLDER_STORE));
  const namespaces = read('namespaces', parseNamespaces);
  const leaseMs = read('lease', parseLease);
  const expected = read('expected', parseExpected);
  const level = read('logLevel', oneOf(LOG_LEVELS));
  const format = read('logFormat', oneOf(LOG_FORMATS));
  const defaults = readDefaults(read);
  const accessPath = read('access', (text) => readAccess(text, authenticates));
  const guardrails = read('guardrails', (text) => checkGuardrails(text, namespaces));
  const initial = read('initial', (text) => readInitial(text, defaults ?? presets.default));
  if (
    problems.length > 0 ||
    insecure === undefined ||
    address === undefined ||
    httpAddress === undefined ||
    httpHosts === undefined ||
    store === undefined ||
    maxEntries === undefined ||
    maxBytes === undefined ||
    olderStore === undefined ||
    namespaces === undefined ||
    leaseMs === undefined ||
    expected === undefined ||
    level === undefined ||
    format === undefined ||
    defaults === undefined ||
    accessPath === undefined ||
    guardrails === undefined ||
    initial === undefined
  ) {
    throw new BadSettings(problems);
  }
  return {
    store,
    logBounds: { maxEntries, maxBytes, maxAgeMs },
    olderStore,
    grpcAddress: address.text,
    exposedWithout: address.lacks,
    http:
      httpAddress.text === 'off'
        ? undefined
        : { address: httpAddress.text, hosts: httpHosts, exposedWithout: httpAddress.lacks },
    tls,
    auth,
    authenticates,
    namespaces,
    leaseMs,
    expected,
    defaults,
    initial,
    accessPath: accessPath === '' ? undefined : accessPath,
    guardrailsPath: guardrails === '' ? undefined : guardrails,
    log: { level, format },
    effective: effectiveSettings(texts),
    creationSettings: CREATION_SETTINGS.filter((name) => given[name] !== undefined).map(
      (name) => SETTINGS[name].env,
    ),
  };
}

/** Settings by which callers prove who they are. */
const PROOFS: readonly SettingName[] = ['tlsClientCa', 'tokens', 'jwks'];

/** A flag may be given with nothing, as by a script whose variable is not set: that sets nothing up. */
function isSaid(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}

const PRESET_NAMES = Object.keys(presets) as (keyof typeof presets)[];

/** Settings that only a new namespace takes its policy from. */
const CREATION_SETTINGS = [
  'initial',
  'riskMode',
  'maxRiskPerTrade',
  'maxPositions',
  'confidenceThreshold',
] as const satisfies readonly SettingName[];

function withFallbacks(given: Given, isTerminal: boolean): Given {
  const texts: Given = {};
  for (const name of SETTING_NAMES) {
    const text = given[name] ?? SETTINGS[name].fallback;
    if (text !== undefined) texts[name] = text;
  }
  return { logFormat: isTerminal ? 'pretty' : 'json', ...texts };
}

function readDefaults(read: Read): Defaults | undefined {
  const riskMode = read('riskMode', parseRiskMode);
  const maxRiskPerTrade = read('maxRiskPerTrade', parseScalar('max_risk_per_trade'));
  const maxPositions = read('maxPositions', parseScalar('max_positions'));
  const globalMinConfidence = read('confidenceThreshold', parseScalar('global_min_confidence'));
  return riskMode === undefined ||
    maxRiskPerTrade === undefined ||
    maxPositions === undefined ||
    globalMinConfidence === undefined
    ? undefined
    : { riskMode, maxRiskPerTrade, maxPositions, globalMinConfidence };
}

/** A preset, or the policy in a file; neither: the defaults, and nothing may trade. */
function readInitial(text: string, defaults: Defaults): Policy {
  if (text === '') return policyOf(defaults);
  const preset = PRESET_NAMES.find((name) => name === text);
  if (preset !== undefined) return presetPolicy(preset);
  try {
    return parseInitial(readFileSync(text, 'utf8'), text, defaults);
  } catch (error) {
    const known = PRESET_NAMES.join(', ');
    throw new BadValue(`is neither a preset (${known}) nor a usable YAML or JSON file: ${messageOf(error)}`);
  }
}

/** Read once more when the server opens it; what is wrong with it is told with all that is wrong. */
function readAccess(path: string, authenticates: boolean): string {
  if (path === '') return path;
  if (!authenticates) {
    throw new BadValue(
      'says what identities may do, but no caller has to prove which one it is: anybody could claim any name. ' +
        'Set up authentication, or leave it out',
    );
  }
  try {
    parseAccess(readFileSync(path, 'utf8'), path);
    return path;
  } catch (error) {
    throw new BadValue(`is no access file that can be used: ${messageOf(error)}`);
  }
}

/** @param namespaces Undefined: they could not be read, which is told already. */
function checkGuardrails(path: string, namespaces: readonly string[] | undefined): string {
  if (path === '' || namespaces === undefined) return path;
  try {
    parseGuardrails(readFileSync(path, 'utf8'), path, namespaces);
    return path;
  } catch (error) {
    throw new BadValue(`is no file of guardrails that can be used: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @returns as `Config.exposedWithout`. @throws BadValue where that was not accepted. */
function lacking(
  { loopback }: Address,
  encrypts: boolean,
  authenticates: boolean,
  insecure: boolean | undefined,
): string | undefined {
  if (loopback || (encrypts && authenticates)) return undefined;
  const lacks = [encrypts ? [] : ['encryption'], authenticates ? [] : ['identities']].flat().join(' and ');
  if (insecure !== false) return lacks;
  const mend = [
    encrypts ? [] : ['set POLICY_TLS_CERT and POLICY_TLS_KEY'],
    authenticates ? [] : ['set POLICY_TOKENS, POLICY_JWKS or POLICY_TLS_CLIENT_CA'],
  ];
  throw new BadValue(
    `can be reached from other machines, without ${lacks}; ${mend.flat().join(' and ')}, ` +
      'or listen on 127.0.0.1, or accept that with --insecure (POLICY_INSECURE=1)',
  );
}

function effectiveSettings(texts: Given): Record<string, string> {
  return Object.fromEntries(
    SETTING_NAMES.flatMap((name) => {
      const text = texts[name];
      return text === undefined ? [] : [[SETTINGS[name].env, showSetting(name, text)]];
    }),
  );
}

function complaint(name: SettingName, text: string, message: string): string {
  const { env, flag } = SETTINGS[name];
  return `${env} (${flag}): ${JSON.stringify(showSetting(name, text))} ${message}`;
}

/** Without secrets. */
function showSetting(name: SettingName, text: string): string {
  switch (name) {
    case 'store':
      return redactUrl(text);
    case 'jwks':
      return showKeyPlace(text);
    case 'tokens':
      return showTokensPath(text);
    case 'tlsKey':
      return showKeyPath(text);
    default:
      return text;
  }
}

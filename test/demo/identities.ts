import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  type ClientOptions,
  ContinuousLearningManager,
  EnsembleManager,
  Executor,
  HealthMonitor,
  MetaStrategyController,
  OpportunityRanker,
  Orchestrator,
  PortfolioBalancer,
  RiskGuard,
  SafetyGovernor,
  StrategyGenerator,
} from '@policystore/client';

import { replaceFile, secure } from '../support/secured.js';
import type { ScrapeOptions } from './scrape.js';

export const OPERATOR = 'operator';
/** A controller that may read, and wants more. */
export const ROGUE = 'rogue';

/** Everybody else is called after the built-in role that it has. */
const ROLES = [
  ...[
    MetaStrategyController,
    OpportunityRanker,
    ContinuousLearningManager,
    StrategyGenerator,
    SafetyGovernor,
  ],
  ...[HealthMonitor, Orchestrator, RiskGuard, PortfolioBalancer, EnsembleManager, Executor],
].map(({ role }) => role);

/** Proves itself by a certificate; all others by tokens. */
const CERTIFIED = HealthMonitor.role;

const GUARDRAILS = `
rules:
  - name: small-book
    description: The desk covers 20 positions.
    schema: { properties: { max_positions: { maximum: 20 } } }
`;

/** How a client is let in. */
export type Credentials = Pick<ClientOptions, 'tls' | 'token'>;

/** Who takes part in a day, and how each of them proves who it is. */
export interface Identities {
  /** The settings of servers that know them, and what each may do. */
  readonly env: Readonly<Record<string, string>>;
  /** What must not be seen in any log. */
  readonly secrets: readonly string[];
  /** Who reads the metrics. */
  readonly scraper: ScrapeOptions;
  of(name: string): Credentials;
}

/** Makes certificates, tokens, rights and guardrails, in files that only this day has. */
export async function createIdentities(directory: string): Promise<Identities> {
  const secured = await secure(directory);
  const { authority, clients, files } = secured;
  const names = [...ROLES, OPERATOR];
  const tokens = new Map([...names, ROGUE].map((name) => [name, secured.issue(name)]));
  const certified = await clients.issue({ cn: CERTIFIED });
  const grants = [...names.map((name) => [name, name]), [ROGUE, 'reader']];
  const lines = grants.map(([name = '', role = '']) => `  ${name}: { roles: [${role}] }\n`);
  replaceFile(files.access, `identities:\n${lines.join('')}`);
  const guardrails = join(directory, 'guardrails.yaml');
  writeFileSync(guardrails, GUARDRAILS);
  const tls = { ca: Buffer.from(authority.cert), serverName: 'localhost' };
  const [cert, key] = [Buffer.from(certified.cert), Buffer.from(certified.key)];
  return {
    env: {
      POLICY_TLS_CERT: files.cert,
      POLICY_TLS_KEY: files.key,
      POLICY_TLS_CLIENT_CA: files.clientCa,
      POLICY_TOKENS: files.tokens,
      POLICY_ACCESS: files.access,
      POLICY_GUARDRAILS: guardrails,
    },
    secrets: [...tokens.values(), certified.key],
    scraper: { ...tls, token: tokens.get(OPERATOR) ?? '' },
    // An empty token is none, whatever the environment has.
    of: (name) =>
      name === CERTIFIED ? { tls: { ...tls, cert, key }, token: '' } : { tls, token: tokens.get(name) ?? '' },
  };
}

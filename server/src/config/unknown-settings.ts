import { nearest } from '../domain/nearest.js';
import { SETTING_NAMES, SETTINGS } from './settings.js';

/** What clients read; a shell may have them set for policyctl and friends. */
const CLIENT_SETTINGS = [
  'POLICY_ADDR',
  'POLICY_TOKEN',
  'POLICY_NAMESPACE',
  'POLICY_TLS',
  'POLICY_TLS_CA',
  'POLICY_CLIENT_CERT',
  'POLICY_CLIENT_KEY',
];

/** A warning per variable that looks like a setting of this server and is none. */
export function warnOfUnknownSettings(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = SETTING_NAMES.map((name) => SETTINGS[name].env);
  return Object.keys(env)
    .filter((name) => /^(POLICY|QT)_/.test(name) && !known.includes(name) && !CLIENT_SETTINGS.includes(name))
    .map((name) => {
      const guess = nearest(name, known);
      return `${name} is no setting of this server and is ignored${guess === undefined ? '' : `; did you mean ${guess}?`}`;
    });
}

import type { Logger } from 'pino';

import type { FieldName, Policy } from './domain/policy.js';
import { formatVersion } from './engine/change.js';
import type { EngineLog } from './engine/engine-log.js';
import { describeChange } from './log-change.js';

export interface EngineLogOptions {
  readonly log: Logger;
  /** Where the store is, without secrets. */
  readonly store: string;
  /** Settings that were given and matter only when a namespace is created. */
  readonly creationSettings: readonly string[];
  /** The command that sends a request to a method of PolicyService. */
  readonly command: (method: string, request: object) => string;
}

/** Tells the operator what the engine does, and at the start what would surprise. */
export function createEngineLog({ log, store, creationSettings, command }: EngineLogOptions): EngineLog {
  function warnIfNothingMayTrade(namespace: string, policy: Policy): void {
    const reasons = whyNothingMayTrade(policy);
    if (reasons.length === 0) return;
    const add = { add: ['NAME'] };
    const patch = Object.fromEntries(reasons.map((field) => [field, add]));
    const empty = `${reasons.join(' and ')} ${reasons.length === 1 ? 'is' : 'are'} empty`;
    const target = namespace === 'default' ? { patch } : { namespace, patch };
    log.warn({ namespace }, `nothing may trade: ${empty}. To change it: ${command('Patch', target)}`);
  }

  return {
    loaded({ namespace, version, created, policy }) {
      log.info({ namespace, version }, `policy ${created ? 'created' : 'loaded'}: ${namespace} ${version}`);
      if (!created) {
        const revision = version.slice(version.lastIndexOf(':') + 1);
        for (const setting of creationSettings) {
          const later = setting === 'POLICY_INITIAL' ? '' : '; Reset and Update will use it';
          log.warn({ namespace }, `${setting} ignored: the policy exists at revision ${revision}${later}`);
        }
      }
      warnIfNothingMayTrade(namespace, policy);
    },
    changed({ namespace, change, policy }) {
      log.info(describeChange(namespace, formatVersion(change), change.change));
      if (change.fields.some(isList)) warnIfNothingMayTrade(namespace, policy);
    },
    storeLost({ namespace, error }) {
      log.error(
        { namespace, store },
        `store lost: ${error.message.replace(/\.$/, '')}. What is held is still answered, with a valid_for that ` +
          'falls to zero; writes are refused; trying on.',
      );
    },
    storeBack({ namespace }) {
      log.info({ namespace, store }, 'store back: writes are taken again');
    },
    reloaded({ namespace, from, to }) {
      log.warn(
        { namespace, from, to },
        'policy reloaded: changes were missed that the log no longer holds; watchers get a snapshot with resync',
      );
    },
    failed({ namespace, error }) {
      log.error({ namespace, err: error }, 'the engine failed unexpectedly');
    },
  };
}

function isList(field: FieldName): boolean {
  return field === 'allowed_strategies' || field === 'allowed_symbols';
}

function whyNothingMayTrade(policy: Policy): string[] {
  return [
    ...(policy.allowedStrategies.length === 0 ? ['allowed_strategies'] : []),
    ...(policy.allowedSymbols.length === 0 ? ['allowed_symbols'] : []),
  ];
}

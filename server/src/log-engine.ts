import type { Logger } from 'pino';

import type { Policy } from './domain/policy.js';
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
  return {
    loaded({ namespace, version, created, policy }) {
      log.info({ namespace, version }, `policy ${created ? 'created' : 'loaded'}: ${namespace} ${version}`);
      if (!created) {
        const revision = version.slice(version.lastIndexOf(':') + 1);
        for (const setting of creationSettings) {
          log.warn({ namespace }, `${setting} ignored: the policy exists at revision ${revision}`);
        }
      }
      const reasons = whyNothingMayTrade(policy);
      if (reasons.length === 0) return;
      const add = { add: ['NAME'] };
      const patch = Object.fromEntries(reasons.map((field) => [field, add]));
      const empty = `${reasons.join(' and ')} ${reasons.length === 1 ? 'is' : 'are'} empty`;
      const target = namespace === 'default' ? { patch } : { namespace, patch };
      log.warn({ namespace }, `nothing may trade: ${empty}. To change it: ${command('Patch', target)}`);
    },
    changed({ namespace, change }) {
      log.info(describeChange(namespace, formatVersion(change), change.change));
    },
    storeLost({ namespace, error }) {
      log.error(
        { namespace, store },
        `store lost: ${error.message}. Reads are served until their lease ends, writes wait; trying on.`,
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

function whyNothingMayTrade(policy: Policy): string[] {
  return [
    ...(policy.allowedStrategies.length === 0 ? ['allowed_strategies'] : []),
    ...(policy.allowedSymbols.length === 0 ? ['allowed_symbols'] : []),
  ];
}

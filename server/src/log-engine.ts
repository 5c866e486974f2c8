import type { Override } from '@policystore/client/proto';
import type { Logger } from 'pino';

import type { FieldName, Policy } from './domain/policy.js';
import { formatVersion } from './engine/change.js';
import type { EngineLog } from './engine/engine-log.js';
import { describeChange } from './log-change.js';
import { describeOverride } from './log-override.js';
import { shorten } from './log-text.js';

/** How many changes that were not put back are told one by one. */
const MAX_TOLD = 50;
const MAX_NAME = 128;
const MAX_REASON = 160;
const MAX_LIMITS = 400;

export interface EngineLogOptions {
  readonly log: Logger;
  /** Where the store is, without secrets. */
  readonly store: string;
  /** Settings that were given and matter only when a namespace is created. */
  readonly creationSettings: readonly string[];
  /** A command of policyctl for a shell. */
  readonly command: (args: string) => string;
}

/** Tells the operator what the engine does, and at the start what would surprise. */
export function createEngineLog({ log, store, creationSettings, command }: EngineLogOptions): EngineLog {
  function commandIn(namespace: string, args: string): string {
    return command(namespace === 'default' ? args : `${args} --namespace ${namespace}`);
  }

  function warnIfNothingMayTrade(namespace: string, policy: Policy): void {
    const reasons = whyNothingMayTrade(policy);
    if (reasons.length === 0) return;
    const patch = ['patch', ...reasons.map((field) => `${field}+=NAME`)].join(' ');
    const empty = `${reasons.join(' and ')} ${reasons.length === 1 ? 'is' : 'are'} empty`;
    log.warn({ namespace }, `nothing may trade: ${empty}. To change it: ${commandIn(namespace, patch)}`);
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
      if (change.base.fields.some(isList)) warnIfNothingMayTrade(namespace, policy);
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
    interrupted({ namespace, from, to }) {
      log.warn(
        { namespace, store, from, to },
        'the store was restarted or replaced and may have lost changes that it had acknowledged; this server knew ' +
          `of none. It goes on from what the store holds, in a new epoch: ${from ?? 'nothing'} -> ${to}`,
      );
    },
    recovered({ namespace, store: came, held, version, putBack, changes, halted, count }) {
      const facts = { namespace, store, held, version, changes: changes.length, count };
      const told = [
        `the store came back older: it held ${came ?? 'nothing'}, this server ${held} ` +
          `(${counted(count, 'time')} since the start)`,
        `${counted(changes.length, 'change')} ${putBack ? '' : 'NOT '}put back; ${version} holds from now on`,
      ];
      if (halted !== undefined) {
        told.push(
          `trading is reduced by the override ${halted}; when what holds is right: ` +
            commandIn(namespace, `restore ${halted} --reason 'what holds now is right'`),
        );
      }
      log.error(facts, told.join('. '));
      if (putBack) return;
      for (const change of changes.slice(0, MAX_TOLD)) {
        log.error(`not put back: ${describeChange(namespace, formatVersion(change), change.change)}`);
      }
      const more = changes.length - MAX_TOLD;
      if (more > 0) log.error({ namespace }, `not put back: ${counted(more, 'more change')}`);
    },
    overridePending({ namespace, override }) {
      log.warn(
        { namespace, override: override.name },
        `override pending: ${describePending(override)}. It is in force on this server alone, for the store has not ` +
          'answered yet; it is committed as soon as the store does',
      );
    },
    overrideLost({ namespace, override }) {
      log.error(
        { namespace, override: override.name },
        `override LOST: ${describePending(override)}. It was pending and ends with this server, unless the store took ` +
          'it without an answer: put it in force at another one',
      );
    },
    unannounced({ namespace, error }) {
      log.warn(
        { namespace, store },
        `other servers no longer hear of this one: ${error.message.replace(/\.$/, '')}. They take those that watch here ` +
          'for lost, and the leases of those run out.',
      );
    },
    failed({ namespace, error }) {
      log.error({ namespace, err: error }, 'the engine failed unexpectedly');
    },
  };
}

function describePending(override: Override): string {
  const { name, actor, reason } = override;
  const what = shorten(describeOverride(override).join(', '), MAX_LIMITS);
  return `${shorten(name, MAX_NAME)} by ${shorten(actor, MAX_NAME)}: ${what} (${shorten(reason, MAX_REASON)})`;
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
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

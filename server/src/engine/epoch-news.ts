import { ChangeKind } from '@policystore/client/proto';

import { findOverride } from '../domain/overrides.js';
import { formatVersion, type LoggedChange } from './change.js';
import type { EngineLog } from './engine-log.js';
import { HALT_OVERRIDE } from './recovery.js';
import type { Replica } from './replica.js';

/** Tells the operator why an epoch began, and counts how often the store came back without what it had acknowledged. */
export class EpochNews {
  readonly #namespace: string;
  readonly #log: EngineLog;
  #recoveries = 0;

  constructor({ namespace, log }: { namespace: string; log: EngineLog }) {
    this.#namespace = namespace;
    this.#log = log;
  }

  /**
   * @param news What the replica holds now and did not before.
   * @param dropped What it held before and does not any more.
   */
  tell({ head, overrides }: Replica, news: readonly LoggedChange[], dropped: () => LoggedChange[]): void {
    const namespace = this.#namespace;
    const recoveries = news.flatMap(({ change: { recovery, origin } }) =>
      recovery === undefined || origin !== undefined ? [] : [recovery],
    );
    const older = recoveries.filter(({ held }) => held !== undefined);
    this.#recoveries += older.length;
    const { held, store, halted } = older.at(-1) ?? {};
    const version = formatVersion(head);
    if (held === undefined) {
      const from = recoveries.at(-1)?.store;
      this.#log.interrupted({ namespace, from: from && formatVersion(from), to: version });
      return;
    }
    this.#log.recovered({
      namespace,
      store: store && formatVersion(store),
      held: formatVersion(held),
      version,
      putBack: !halted,
      changes: halted ? dropped().filter(isWritten) : news.filter(({ change }) => change.origin),
      halted: findOverride(overrides, HALT_OVERRIDE)?.name,
      count: this.#recoveries,
    });
  }
}

/** Overrides stay in force in any case, and a recovery is no loss. */
function isWritten({ change: { kind } }: LoggedChange): boolean {
  return kind !== ChangeKind.OVERRIDE && kind !== ChangeKind.RECOVER;
}

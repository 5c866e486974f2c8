import {
  formatVersion,
  PolicyStoreError,
  type Version,
  View,
  type WaitFor,
  type WriteOptions,
  type WriteResult,
} from '@policystore/client';

import { ExitCode } from '../exit-codes.js';
import { changeLines } from '../output/change-lines.js';
import { patchJson } from '../output/patch-json.js';
import { policyJson } from '../output/policy-json.js';
import { receiptJson, receiptLines, tellReceipt } from '../output/receipt.js';
import { count } from '../output/text.js';
import { type Session } from '../session.js';
import { changesJson, changesOfBase, type ValueChange } from './changes.js';
import { confirm } from './confirm.js';
import { loosens } from './loosens.js';
import { type Proposal, propose } from './propose.js';

/** What every command that changes the base takes. */
export interface ChangeOptions {
  readonly reason?: string | undefined;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly expectVersion?: Version | undefined;
  /** In milliseconds. */
  readonly wait?: number | undefined;
}

export type Write = (options: WriteOptions) => Promise<WriteResult>;

/** How often a change that needs no question is looked at again, where somebody else is quicker. */
const MOST_TRIES = 5;

/** Shows what a write would do, asks where it loosens, and does it. */
export async function makeChange(session: Session, write: Write, options: ChangeOptions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { expectVersion: expectedVersion } = options;
    const trial = { validateOnly: true, expectedVersion };
    const proposal = await propose(session.client, View.BASE, () => write(trial));
    const changes = changesOfBase(proposal.before, proposal.after);
    if (changes.length === 0 || options.dryRun === true) {
      showOnly(session, proposal, changes);
      return;
    }
    const mustAsk = loosens(proposal.before, proposal.after) && options.yes !== true;
    // What is asked about is what was shown last.
    if (attempt === 1 || mustAsk) tellChanges(session, proposal, changes);
    if (mustAsk && !(await confirm(`Make this change to ${session.target.namespace}?`))) {
      throw new Error('not confirmed: nothing was changed');
    }
    try {
      // With --yes it is done whatever else has changed. Else what was looked at must still hold.
      const seen = options.yes === true ? undefined : proposal.version;
      await commit(session, write, { ...options, expectVersion: expectedVersion ?? seen });
      return;
    } catch (error) {
      const isRaced = error instanceof PolicyStoreError && error.reason === 'VERSION_MISMATCH';
      if (!isRaced || mustAsk || expectedVersion || attempt === MOST_TRIES) throw error;
    }
  }
}

function showOnly(
  { printer, terminal, target }: Session,
  { version, after }: Proposal,
  changes: readonly ValueChange[],
): void {
  const { namespace } = target;
  const data = {
    namespace,
    version: formatVersion(version),
    changed: false,
    changes: changesJson(changes),
    policy: policyJson(after),
  };
  printer.print(data, () =>
    changes.length === 0
      ? `${namespace} ${formatVersion(version)}: nothing to change`
      : changeLines(changes, terminal.palette).join('\n'),
  );
  if (changes.length > 0) terminal.tell('dry run: nothing was changed');
}

function tellChanges(
  { terminal, target }: Session,
  { version }: Proposal,
  changes: readonly ValueChange[],
): void {
  terminal.tell(`${target.namespace} ${formatVersion(version)} would change:`);
  terminal.tell(changeLines(changes, terminal.talkPalette).join('\n'));
}

async function commit(session: Session, write: Write, options: ChangeOptions): Promise<void> {
  const { printer, terminal, target } = session;
  const { reason, expectVersion, wait } = options;
  const result = await write({ reason, expectedVersion: expectVersion, waitApplied: waitFor(wait) });
  const { version, patch, maskedFields, receipt, receiptError } = result;
  const data = {
    namespace: target.namespace,
    version: formatVersion(version),
    changed: true,
    patch: patchJson(patch),
    masked_fields: maskedFields,
    ...(receipt && { receipt: receiptJson(receipt) }),
  };
  printer.print(data, () =>
    [
      `${target.namespace} ${formatVersion(version)}: ${count(Object.keys(patchJson(patch)).length, 'field')} changed`,
      ...(receipt ? receiptLines(receipt, terminal.palette) : []),
    ].join('\n'),
  );
  if (maskedFields.length > 0) {
    terminal.tell(`hidden by an override until that ends: ${maskedFields.join(', ')}`);
  }
  if (wait !== undefined) tellReceipt(terminal, receipt, receiptError);
  if (wait !== undefined && receipt?.appliedEverywhere !== true) terminal.exitCode = ExitCode.NOT_APPLIED;
}

export function waitFor(ms: number | undefined): WaitFor | undefined {
  return ms === undefined ? undefined : { timeoutMs: ms };
}

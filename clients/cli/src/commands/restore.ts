import { formatVersion, View } from '@policystore/client';
import { type Command } from 'commander';

import { changesJson, changesOf } from '../change/changes.js';
import { confirm } from '../change/confirm.js';
import { type ChangeOptions, waitFor } from '../change/make-change.js';
import { propose } from '../change/propose.js';
import { ExitCode } from '../exit-codes.js';
import { changeLines } from '../output/change-lines.js';
import { patchJson } from '../output/patch-json.js';
import { receiptJson, receiptLines, tellReceipt } from '../output/receipt.js';
import { type Terminal } from '../output/terminal.js';
import { type Session, withSession } from '../session.js';
import { addChangeOptions } from './change-command.js';

const CIRCUIT_BREAKER = 'circuit-breaker';

export function addRestore(program: Command, terminal: Terminal): void {
  const command = program
    .command('restore')
    .description('end an override: what was written meanwhile holds at once')
    .argument('[name]', 'of the override', CIRCUIT_BREAKER);
  addChangeOptions(command).action(async (name: string, options: ChangeOptions) => {
    await withSession(terminal, command, (session) => restore(session, name, options));
  });
}

async function restore(session: Session, name: string, options: ChangeOptions): Promise<void> {
  const { client, terminal, printer, target } = session;
  const trial = { validateOnly: true, expectedVersion: options.expectVersion };
  const { version, before, after } = await propose(client, View.EFFECTIVE, () => client.restore(name, trial));
  const changes = changesOf(before, after);
  const palette = options.dryRun === true ? terminal.palette : terminal.talkPalette;
  const diff =
    changes.length === 0
      ? '  nothing for executors: others hold it'
      : changeLines(changes, palette).join('\n');
  if (options.dryRun === true) {
    const data = {
      namespace: target.namespace,
      version: formatVersion(version),
      changed: false,
      changes: changesJson(changes),
    };
    printer.print(data, () => diff);
    terminal.tell('dry run: nothing was changed');
    return;
  }
  terminal.tell(`${target.namespace} ${formatVersion(version)} without ${name} would change:\n${diff}`);
  if (options.yes !== true && !(await confirm(`Restore ${name}?`))) {
    throw new Error('not confirmed: nothing was changed');
  }
  const seen = options.yes === true ? undefined : version;
  const result = await client.restore(name, {
    reason: options.reason,
    expectedVersion: options.expectVersion ?? seen,
    waitApplied: waitFor(options.wait),
  });
  const { receipt, receiptError } = result;
  const data = {
    namespace: target.namespace,
    version: formatVersion(result.version),
    changed: true,
    patch: patchJson(result.patch),
    ...(receipt && { receipt: receiptJson(receipt) }),
  };
  printer.print(data, () =>
    [
      `${target.namespace} ${formatVersion(result.version)}: ${name} is restored`,
      ...(receipt ? receiptLines(receipt, terminal.palette) : []),
    ].join('\n'),
  );
  if (options.wait === undefined) return;
  tellReceipt(terminal, receipt, receiptError);
  if (receipt?.appliedEverywhere !== true) terminal.exitCode = ExitCode.NOT_APPLIED;
}

import { type Version } from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions, readDuration, readVersion } from '../arguments.js';
import { ExitCode } from '../exit-codes.js';
import { receiptJson, receiptLines, tellReceipt } from '../output/receipt.js';
import { type Terminal } from '../output/terminal.js';
import { withSession } from '../session.js';
import { addSelection } from './fleet.js';

interface Options {
  readonly version?: Version;
  readonly component?: string[];
  readonly instance?: string[];
  /** In milliseconds. */
  readonly timeout: number;
}

export function addWait(program: Command, terminal: Terminal): void {
  const command = addSelection(
    program
      .command('wait')
      .description('wait until everybody has applied a version; exit 6, naming them, where not')
      .option('--version <version>', 'EPOCH:REVISION (the current one)', readVersion),
  ).option('--timeout <duration>', 'how long to wait, up to 60s', readDuration, 5000);
  addCommonOptions(command).action(async ({ version, component, instance, timeout }: Options) => {
    await withSession(terminal, command, async ({ client, printer, target }) => {
      const receipt = await client.waitApplied(version ?? (await client.get({ fresh: true })).version, {
        components: component,
        instances: instance,
        timeoutMs: timeout,
      });
      printer.print({ namespace: target.namespace, ...receiptJson(receipt) }, () =>
        receiptLines(receipt, terminal.palette).join('\n'),
      );
      tellReceipt(terminal, receipt, undefined);
      if (!receipt.appliedEverywhere) terminal.exitCode = ExitCode.NOT_APPLIED;
    });
  });
}

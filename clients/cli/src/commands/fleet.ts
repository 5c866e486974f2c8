import { formatVersion } from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions, collectNames } from '../arguments.js';
import { memberJson, memberTable, missingText } from '../output/receipt.js';
import { type Terminal } from '../output/terminal.js';
import { withSession } from '../session.js';

interface Options {
  readonly component?: string[];
  readonly instance?: string[];
}

export function addSelection(command: Command): Command {
  return command
    .option('--component <name,...>', 'only these kinds; servers are replica', collectNames)
    .option('--instance <name,...>', 'only these', collectNames);
}

export function addFleet(program: Command, terminal: Terminal): void {
  const command = addSelection(
    program
      .command('fleet')
      .description('who follows the policy, what each runs, and who lags, rejected it or is lost'),
  );
  addCommonOptions(command).action(async ({ component, instance }: Options) => {
    await withSession(terminal, command, async ({ client, printer, target }) => {
      const { version, members, missing } = await client.fleet.list({
        components: component,
        instances: instance,
      });
      const data = {
        namespace: target.namespace,
        version: formatVersion(version),
        members: members.map(memberJson),
        missing,
      };
      printer.print(data, () => memberTable(members, terminal.palette));
      for (const each of missing)
        terminal.tell(`${terminal.talkPalette.bad('missing')} ${missingText(each)}`);
      terminal.tell(`${target.namespace} is at ${formatVersion(version)}`);
    });
  });
}

import { formatVersion, type Moment } from '@policystore/client';
import { type Command, InvalidArgumentError } from 'commander';

import { addCommonOptions, readRevision, readTime } from '../arguments.js';
import { entryJson, entryText } from '../output/entry.js';
import { policyJson } from '../output/policy-json.js';
import { policyText } from '../output/policy-text.js';
import { type Terminal } from '../output/terminal.js';
import { withSession } from '../session.js';

export function addAt(program: Command, terminal: Terminal): void {
  const command = program
    .command('at')
    .description('show what was in force at a time or a revision')
    .argument('<moment>', 'REVISION, EPOCH:REVISION, 2026-11-20T14:03:07Z, or how long ago: 2h', readMoment);
  addCommonOptions(command).action(async (moment: Moment) => {
    await withSession(terminal, command, async ({ client, printer, target }) => {
      const { version, base, effective, entry } = await client.revision(moment);
      const data = {
        namespace: target.namespace,
        version: formatVersion(version),
        policy: policyJson(base),
        effective: policyJson(effective),
        change: entryJson(entry),
      };
      const { palette } = terminal;
      printer.print(data, () =>
        [
          `${palette.strong(`${target.namespace} ${formatVersion(version)}`)}  was in force`,
          policyText(effective, palette, effective.overrides.length > 0 ? base : undefined),
          `made by ${entryText(entry, palette)}`,
        ].join('\n'),
      );
    });
  });
}

export function readMoment(text: string): Moment {
  if (/^\d+$/.test(text) || /^[^:\s-]+:\d+$/.test(text)) return readRevision(text);
  try {
    return { time: readTime(text) };
  } catch {
    throw new InvalidArgumentError(
      'Write a revision (41 or EPOCH:41), a time as 2026-11-20T14:03:07Z, or how long ago as 2h.',
    );
  }
}

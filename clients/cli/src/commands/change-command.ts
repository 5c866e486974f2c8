import { type Command } from 'commander';

import { addCommonOptions, readDuration, readVersion } from '../arguments.js';

/** The options of a command that changes the base. */
export function addChangeOptions(command: Command): Command {
  return addCommonOptions(
    addWriteOptions(command)
      .option('--dry-run', 'show the diff and change nothing')
      .option('--expect-version <version>', 'only if nothing that it touches changed since', readVersion)
      .option('-y, --yes', 'do not ask where it loosens'),
  );
}

/** The options of everything that writes. */
export function addWriteOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'why: what you saw, with the number; everybody who reads the history reads it')
    .option('--wait <duration>', 'wait until everybody has applied it, else exit 6', readDuration);
}

import { type Command, Option } from 'commander';

import { addCommonOptions, readDuration } from '../arguments.js';
import { type Terminal } from '../output/terminal.js';
import { withSession } from '../session.js';
import { stopEverywhere } from '../stop/stop-everywhere.js';

const BY_HAND = 'tripped by hand with policyctl';
const WAIT_MS = 2000;
/** What the server records at most. */
const MOST_REASON = 1024;

interface Options {
  readonly reason: string;
  readonly allNamespaces?: boolean;
  readonly wait: number;
}

export function addTrip(program: Command, terminal: Terminal): void {
  const command = program
    .command('trip')
    .description('STOP: the circuit breaker, at every address at once; asks nothing')
    .option('--reason <text>', 'why', BY_HAND)
    .option('--all-namespaces', 'in every namespace that the servers have')
    .addOption(
      new Option('--wait <duration>', 'how long to wait until everybody has stopped')
        .argParser(readDuration)
        .default(WAIT_MS, '2s'),
    )
    .addHelpText(
      'after',
      '\nIt ends with `policyctl restore`. Nobody has to be asked, and nothing else undoes it.',
    );
  addCommonOptions(command).action(async ({ reason, allNamespaces = false, wait }: Options) => {
    await withSession(terminal, command, (session) =>
      stopEverywhere(session, { input: { reason: recordable(reason) }, waitMs: wait }, { allNamespaces }),
    );
  });
}

/** A stop is not refused over its words: one without any has ours, one that is too long is cut. */
function recordable(reason: string): string {
  if (!/[^\s\p{C}]/u.test(reason)) return BY_HAND;
  // Never half of a surrogate pair.
  return reason.slice(0, MOST_REASON).replace(/[\ud800-\udbff]$/, '');
}

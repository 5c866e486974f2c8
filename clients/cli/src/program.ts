import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { addCommonOptions } from './arguments.js';
import { addAt } from './commands/at.js';
import { addCompletion } from './commands/completion.js';
import { addDiff } from './commands/diff.js';
import { addFleet } from './commands/fleet.js';
import { addGet } from './commands/get.js';
import { addHistory } from './commands/history.js';
import { addOverride } from './commands/override.js';
import { addPatch } from './commands/patch.js';
import { addPreset, addReset } from './commands/reset.js';
import { addRestore } from './commands/restore.js';
import { addRollback } from './commands/rollback.js';
import { addStatus } from './commands/status.js';
import { addTrip } from './commands/trip.js';
import { addUpdate } from './commands/update.js';
import { addValidate } from './commands/validate.js';
import { addWait } from './commands/wait.js';
import { addWatch } from './commands/watch.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { type Terminal } from './output/terminal.js';
import { addRestCheck } from './rest-check/add-rest-check.js';

const ENVIRONMENT_HELP = `
Environment, where neither an option nor a profile says otherwise:
  POLICY_ADDR, POLICY_NAMESPACE, POLICY_TOKEN, POLICY_TLS_CA, POLICY_CLIENT_CERT, POLICY_CLIENT_KEY, POLICY_TLS
  POLICY_PROFILES  the file of profiles (~/.config/policystore/profiles.yaml)
  NO_COLOR         no colours`;

/** All commands. Parsing throws CommanderError for a wrong command line, having said what is wrong. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('policyctl')
    .description('Look at a PolicyStore and steer it. Data goes to stdout, talk to stderr.')
    .version(readOwnVersion())
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(policyctl --help, or policyctl COMMAND --help)')
    .addHelpText('after', `${EXIT_CODES_HELP}\n${ENVIRONMENT_HELP}`);
  addCommonOptions(program);
  for (const add of COMMANDS) add(program, terminal);
  return program;
}

/** In the order of the help. */
const COMMANDS = [
  ...[addStatus, addGet, addWatch, addPatch, addUpdate, addReset, addPreset, addDiff, addValidate],
  ...[addHistory, addAt, addRollback, addTrip, addOverride, addRestore, addFleet, addWait],
  ...[addRestCheck, addCompletion],
];

function readOwnVersion(): string {
  const path = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

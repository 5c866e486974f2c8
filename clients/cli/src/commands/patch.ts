import { type PatchInput } from '@policystore/client';
import { type Command } from 'commander';

import { type ChangeOptions, makeChange } from '../change/make-change.js';
import { type Terminal } from '../output/terminal.js';
import { readAssignments } from '../patch/assignments.js';
import { readPatchDocument } from '../patch/documents.js';
import { readFile } from '../patch/read-file.js';
import { withSession } from '../session.js';
import { UsageError } from '../usage-error.js';
import { addChangeOptions } from './change-command.js';

const EXAMPLES = `
Examples:
  policyctl patch max_positions=12 risk_mode=normal --reason 'volatility 1.9 %'
  policyctl patch allowed_symbols+=SOLUSDT,ADAUSDT allowed_symbols-=XRPUSDT
  policyctl patch allowed_symbols=BTCUSDT,ETHUSDT          all of the list
  policyctl patch opp_rankings.BTCUSDT=0.9 opp_rankings-=OLDUSDT
  policyctl patch model_versions.lstm=v2
  policyctl patch custom_params.x.y=true custom_params-=x.z
  policyctl patch -f patch.yaml                             - is stdin`;

interface Options extends ChangeOptions {
  readonly file?: string;
}

export function addPatch(program: Command, terminal: Terminal): void {
  const command = program
    .command('patch')
    .description('change some fields of the policy')
    .argument('[assignments...]', 'FIELD=VALUE, LIST+=NAME, LIST-=NAME, MAP.KEY=VALUE')
    .option('-f, --file <path>', 'a patch in YAML or JSON: dictionaries merge, null removes; - is stdin')
    .addHelpText('after', EXAMPLES);
  addChangeOptions(command).action(async (assignments: string[], options: Options) => {
    const patch = readPatch(assignments, options.file);
    await withSession(terminal, command, (session) =>
      makeChange(session, (write) => session.client.patch(patch, write), options),
    );
  });
}

function readPatch(assignments: readonly string[], file: string | undefined): PatchInput {
  if (assignments.length > 0 && file !== undefined) {
    throw new UsageError('give assignments or a file, not both: one patch is one change');
  }
  if (file !== undefined) return readPatchDocument(readFile(file));
  if (assignments.length > 0) return readAssignments(assignments);
  throw new UsageError('nothing to change was given: write FIELD=VALUE, or -f FILE (policyctl patch --help)');
}

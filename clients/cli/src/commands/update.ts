import { type Command } from 'commander';

import { type ChangeOptions, makeChange } from '../change/make-change.js';
import { type Terminal } from '../output/terminal.js';
import { readPolicyDocument } from '../patch/documents.js';
import { readFile } from '../patch/read-file.js';
import { withSession } from '../session.js';
import { addChangeOptions } from './change-command.js';

interface Options extends ChangeOptions {
  readonly file: string;
}

export function addUpdate(program: Command, terminal: Terminal): void {
  const command = program
    .command('update')
    .description('replace the whole policy: what the file leaves out takes defaults or becomes empty')
    .requiredOption('-f, --file <path>', 'a policy in YAML or JSON; - is stdin');
  addChangeOptions(command).action(async (options: Options) => {
    const policy = readPolicyDocument(readFile(options.file));
    await withSession(terminal, command, (session) =>
      makeChange(session, (write) => session.client.update(policy, write), options),
    );
  });
}

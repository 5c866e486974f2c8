import { formatVersion, PolicyStoreError } from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions } from '../arguments.js';
import { ExitCode } from '../exit-codes.js';
import { reasonOf, violationLine } from '../explain.js';
import { type Terminal } from '../output/terminal.js';
import { readPolicyDocument } from '../patch/documents.js';
import { readFile } from '../patch/read-file.js';
import { withSession } from '../session.js';

export function addValidate(program: Command, terminal: Terminal): void {
  const command = program
    .command('validate')
    .description('ask the server whether it would take a policy; all that is wrong is said at once')
    .requiredOption('-f, --file <path>', 'a policy in YAML or JSON; - is stdin');
  addCommonOptions(command).action(async ({ file }: { file: string }) => {
    const policy = readPolicyDocument(readFile(file));
    await withSession(terminal, command, async ({ client, printer, target }) => {
      const { namespace } = target;
      const base = await client.get();
      try {
        // A list that an override hides in part is no fault of the file.
        await client.update(policy, { validateOnly: true, expectedVersion: base.version });
        const data = {
          namespace,
          valid: true,
          version: formatVersion(base.version),
          reason: null,
          violations: [],
        };
        printer.print(data, () => `${namespace} would take it`);
      } catch (error) {
        if (!(error instanceof PolicyStoreError) || error.violations.length === 0) throw error;
        const { violations } = error;
        const data = {
          namespace,
          valid: false,
          version: formatVersion(base.version),
          reason: reasonOf(error),
          violations,
        };
        printer.print(data, () => violations.map(violationLine).join('\n'));
        terminal.tell(`policyctl: ${namespace} would refuse it (${reasonOf(error)})`);
        terminal.exitCode = ExitCode.FAILURE;
      }
    });
  });
}

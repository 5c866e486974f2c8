import { type Version } from '@policystore/client';
import { type Command } from 'commander';

import { readRevision } from '../arguments.js';
import { type ChangeOptions, makeChange } from '../change/make-change.js';
import { type Terminal } from '../output/terminal.js';
import { readFieldName } from '../patch/fields.js';
import { withSession } from '../session.js';
import { addChangeOptions } from './change-command.js';

export function addRollback(program: Command, terminal: Terminal): void {
  const command = program
    .command('rollback')
    .description('set fields to what they were at an earlier revision, as one new change')
    .argument('<revision>', 'REVISION or EPOCH:REVISION', readRevision)
    .argument('[fields...]', 'only these (all)');
  addChangeOptions(command).action(
    async (at: { revision: number; epoch?: string }, names: string[], options: ChangeOptions) => {
      const fields = names.length === 0 ? undefined : names.map(readFieldName);
      const to = at.epoch === undefined ? at.revision : (at as Version);
      await withSession(terminal, command, (session) =>
        makeChange(session, (write) => session.client.rollback(to, { ...write, fields }), options),
      );
    },
  );
}

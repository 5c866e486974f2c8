import { Preset } from '@policystore/client';
import { Argument, type Command } from 'commander';

import { type ChangeOptions, makeChange } from '../change/make-change.js';
import { type Terminal } from '../output/terminal.js';
import { withSession } from '../session.js';
import { addChangeOptions } from './change-command.js';

const PRESETS = {
  default: Preset.BALANCED,
  conservative: Preset.CONSERVATIVE,
  aggressive: Preset.AGGRESSIVE,
} as const;

export function addReset(program: Command, terminal: Terminal): void {
  const command = program
    .command('reset')
    .description("return to the server's own defaults: lists and dictionaries become empty");
  addChangeOptions(command).action(async (options: ChangeOptions) => {
    await withSession(terminal, command, (session) =>
      makeChange(session, (write) => session.client.reset(undefined, write), options),
    );
  });
}

export function addPreset(program: Command, terminal: Terminal): void {
  const command = program
    .command('preset')
    .description('start from a preset: lists and dictionaries become empty')
    .addArgument(new Argument('<preset>', 'which one').choices(Object.keys(PRESETS)));
  addChangeOptions(command).action(async (name: keyof typeof PRESETS, options: ChangeOptions) => {
    await withSession(terminal, command, (session) =>
      makeChange(session, (write) => session.client.reset(PRESETS[name], write), options),
    );
  });
}

import { PolicyClient } from '@policystore/client';
import { type Command } from 'commander';

import { type Format, Printer } from './output/printer.js';
import { type Terminal } from './output/terminal.js';
import { readTarget, type Target, type TargetOptions } from './profile/target.js';

/** What every command takes. */
export interface CommonOptions extends TargetOptions {
  readonly output?: Format;
}

/** One command under way. */
export interface Session {
  readonly client: PolicyClient;
  readonly target: Target;
  readonly terminal: Terminal;
  readonly printer: Printer;
}

/** Runs a command with a client, which is closed at its end. */
export async function withSession(
  terminal: Terminal,
  command: Command,
  act: (session: Session) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<CommonOptions>();
  const target = readTarget(options);
  const client = new PolicyClient(target);
  try {
    await act({ client, target, terminal, printer: new Printer(terminal, options.output ?? 'table') });
  } finally {
    client.close();
  }
}

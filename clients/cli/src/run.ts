import { CommanderError } from 'commander';

import { ExitCode, exitCodeOf } from './exit-codes.js';
import { explain } from './explain.js';
import { Terminal } from './output/terminal.js';
import { createProgram } from './program.js';

/** Runs one command to its end. Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const terminal = new Terminal(process.stdout, process.stderr);
  try {
    await createProgram(terminal).parseAsync([...args], { from: 'user' });
    return terminal.exitCode;
  } catch (error) {
    // Commander has said what is wrong, and ends so after help too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    for (const line of explain(error)) terminal.tell(line);
    return exitCodeOf(error);
  }
}

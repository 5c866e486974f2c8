import { Command, CommanderError, InvalidArgumentError } from 'commander';

import { nameProblem } from './auth/identity-name.js';
import { createToken, hashToken } from './auth/token.js';
import { tokenLine } from './auth/token-file.js';
import { BadValue, parseDuration } from './config/values.js';

const BAD_ARGUMENTS = 2;
const MAX_EXPIRES_MS = 36_500 * 86_400_000;

/** Where a command writes. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * `policy-server token …`. The token alone goes to standard output, so that it can be handed on to what keeps secrets;
 * what a person needs to know goes to standard error.
 * @returns the exit code.
 */
export function runTokenCommand(argv: readonly string[], output: Output): number {
  const program = new Command('policy-server token')
    .description('Makes bearer tokens, of which the server keeps only the hashes.')
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.err });
  program
    .command('create')
    .description(
      'print a new token on standard output, and the line for the file of POLICY_TOKENS on standard error',
    )
    .requiredOption(
      '--identity <name>',
      'whose token it is, as the log and the access rights call it',
      parseIdentity,
    )
    .option(
      '--expires <duration>',
      'for how long it is good, such as 90d or 12h; absent: until its line is removed',
      parseExpires,
    )
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .action(({ identity, expires }: { identity: string; expires?: number }) => {
      create(identity, expires, output);
    });
  try {
    program.parse(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : BAD_ARGUMENTS;
  }
}

function create(name: string, expiresMs: number | undefined, { out, err }: Output): void {
  const token = createToken();
  const expiresAt = expiresMs === undefined ? undefined : Date.now() + expiresMs;
  out(`${token}\n`);
  err(
    [
      '',
      `This is the token of ${name}; it is shown only now. Add this line to the file of POLICY_TOKENS:`,
      '',
      tokenLine({ hash: hashToken(token), name, expiresAt }),
      '',
      'A running server takes it within a second. Clients send "authorization: Bearer TOKEN"; ours read POLICY_TOKEN.',
      '',
    ].join('\n'),
  );
}

function parseIdentity(name: string): string {
  const problem = /\s/.test(name) ? 'must have no spaces' : nameProblem(name);
  if (problem !== undefined) throw new InvalidArgumentError(`It ${problem}.`);
  return name;
}

function parseExpires(text: string): number {
  try {
    const ms = parseDuration(text, '90d or 12h');
    if (ms > 0 && ms <= MAX_EXPIRES_MS) return ms;
  } catch (error) {
    if (error instanceof BadValue) throw new InvalidArgumentError(`It ${error.message}.`);
    throw error;
  }
  throw new InvalidArgumentError('It must be more than nothing and at most 36500d; leave it out for no end.');
}

import { readFileSync } from 'node:fs';

import { type Command, Option } from 'commander';

import { ExitCode } from '../exit-codes.js';
import { type Terminal } from '../output/terminal.js';
import { restCheck } from './rest-check.js';

const LOCAL = /^(localhost|127(\.\d+){3}|\[::1\])$/;

interface Flags {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly namespace?: string;
  readonly write?: true;
  readonly json?: true;
  /** Of the program, for gRPC. */
  readonly addr?: string;
  readonly profile?: string;
  readonly output?: string;
  readonly deadline?: number;
}

/** Options of the program that mean nothing here, and what is said instead. */
const INSTEAD = {
  addr: '--url',
  profile: '--url and --token-file',
  output: '--json',
  deadline: 'no deadline',
} as const;

export function addRestCheck(program: Command, terminal: Terminal): void {
  program
    .command('rest-check')
    .description('check the REST interface of a server, for those who port an integration to it')
    .addOption(
      new Option('--url <url>', 'where it is (default: POLICY_HTTP_ADDR, else http://127.0.0.1:8000)'),
    )
    .addOption(new Option('--token-file <file>', 'a file with the bearer token (default: POLICY_TOKEN)'))
    .addOption(new Option('--namespace <name>', 'which namespace (default: POLICY_NAMESPACE, else default)'))
    .addOption(new Option('--write', 'also write, and take back what was written'))
    .addOption(new Option('--json', 'print one JSON document'))
    .addHelpText(
      'after',
      '\nExit codes: 0 all holds, 1 something does not, 2 usage, 5 the server does not answer or is not ready.',
    )
    .action(async (_flags: unknown, command: Command) => {
      // Also what stands before the subcommand, where the program has options of these names.
      const { write = false, json = false, ...flags } = command.optsWithGlobals<Flags>();
      for (const name of Object.keys(INSTEAD) as (keyof typeof INSTEAD)[]) {
        if (flags[name] !== undefined)
          refuse(command, `rest-check takes ${INSTEAD[name]} rather than --${name}`);
      }
      const url = readUrl(flags.url, command);
      const token = readToken(flags.tokenFile, command);
      if (token !== undefined && url.protocol === 'http:' && !LOCAL.test(url.hostname)) {
        refuse(command, `a token would go unencrypted to ${url.hostname}: use https://`);
      }
      terminal.exitCode = await restCheck({
        url: url.origin,
        token,
        namespace: flags.namespace ?? given('POLICY_NAMESPACE'),
        write,
        json,
        tell: (line) => {
          terminal.print(line);
        },
        remark: (line) => {
          terminal.tell(line);
        },
      });
    });
}

function readUrl(flag: string | undefined, command: Command): URL {
  const address = given('POLICY_HTTP_ADDR');
  const text = flag ?? (address === undefined ? 'http://127.0.0.1:8000' : `http://${address}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.username !== '') {
    return refuse(
      command,
      `not an address such as http://127.0.0.1:8000: ${flag ? '--url' : 'POLICY_HTTP_ADDR'}`,
    );
  }
  return url;
}

function readToken(file: string | undefined, command: Command): string | undefined {
  if (file === undefined) return given('POLICY_TOKEN');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    return refuse(command, `--token-file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** An empty variable counts as absent. */
function given(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

function refuse(command: Command, message: string): never {
  command.error(`error: ${message}`, { exitCode: ExitCode.USAGE });
}

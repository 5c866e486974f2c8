import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { searchForSecrets } from './secrets.js';

const POLICYCTL = fileURLToPath(new URL('../../clients/cli/bin/policyctl.js', import.meta.url));

export interface Told {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Data. */
  readonly stdout: string;
  /** Talk. */
  readonly stderr: string;
}

export interface Typed {
  /** POLICY_ADDR and others; nothing of them is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is piped in. Default: nothing. */
  readonly input?: string;
}

/** A command under way. */
export interface Policyctl {
  /** So far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<Told>;
  kill(signal: NodeJS.Signals): void;
  /** Nobody reads its stdout any more, as after `| head`. */
  stopReading(): void;
}

/** Starts the built policyctl, as users run it, with no terminal. */
export function startPolicyctl(args: readonly string[], { env = {}, input = '' }: Typed = {}): Policyctl {
  const child = spawn(process.execPath, [POLICYCTL, ...args], { env: environment(env) });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const searched = searchForSecrets(() => stdout + stderr);
  // It may end without a look at its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const end = async (): Promise<Told> => {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    searched();
    return { code, signal, stdout, stderr };
  };
  return {
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    ended: end(),
    kill: (signal) => void child.kill(signal),
    stopReading: () => void child.stdout.destroy(),
  };
}

/** Runs policyctl to its end. */
export function policyctl(args: readonly string[], typed: Typed = {}): Promise<Told> {
  return startPolicyctl(args, typed).ended;
}

/**
 * Runs it in a terminal of its own (`script` of util-linux) where somebody types `answer`. Both outputs come mixed.
 * @param redirection As in a shell: `2>/dev/null`.
 */
export async function policyctlInTerminal(
  args: readonly string[],
  answer: string,
  env: Readonly<Record<string, string>>,
  redirection = '',
): Promise<{ readonly code: number | null; readonly screen: string }> {
  const command = `${[process.execPath, POLICYCTL, ...args].map(quoted).join(' ')} ${redirection}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...environment(env), TERM: 'xterm' },
  });
  let screen = '';
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    if (answer !== '' && screen.includes('[y/N]')) child.stdin.end(`${answer}\n`);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, screen };
}

function environment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(POLICY|QT)_|^NO_COLOR$/.test(name));
  return { ...Object.fromEntries(inherited), ...env };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

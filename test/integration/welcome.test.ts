import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import { until } from '../support/process.js';
import { secure, type Secured } from '../support/secured.js';
import { spawnServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ROOT = new URL('../..', import.meta.url).pathname;

describe('a server process prints commands that work as printed', function () {
  // Each of some ten commands is a program that starts.
  this.timeout(180_000);
  const directory = temporaryDirectory();

  /**
   * Runs those that are printed and match, in their order.
   * @param variables What the text asks its reader to set.
   */
  async function outputsOf(
    env: Readonly<Record<string, string>>,
    which: RegExp,
    variables: NodeJS.ProcessEnv = {},
  ): Promise<string[]> {
    const server = await spawnServer({ POLICY_LOG_FORMAT: 'pretty', ...env });
    await until(() => Promise.resolve(server.output.includes('What there is to call')));
    for (const name of Object.keys(variables)) expect(server.output).to.include(name);
    const printed = server.output.matchAll(/^(?: {2}|What there is to call: )((?:npx|curl) .*)$/gm);
    const outputs: string[] = [];
    for (const [, command = ''] of printed) {
      if (which.test(command)) outputs.push(await firstOutput(command, variables));
    }
    await server.stop();
    return outputs;
  }

  function expectAnswers(outputs: readonly string[], answers: readonly RegExp[]): void {
    expect(outputs).to.have.lengthOf(answers.length);
    answers.forEach((answer, i) => expect(outputs[i]).to.match(answer));
  }

  /** One of each program: what proves who calls is the same in all of its commands. */
  const EACH_PROGRAM = / status$|^curl|\/Get$|--list-methods/;
  const OF_EACH_PROGRAM = [/ answers .*\n.* ACTIVE /, /^\{"policy":/m, /"policy"/, /PolicyService\/Get/];

  it('where nobody has to prove anything', async () => {
    expectAnswers(await outputsOf({}, /./), [
      ...[/ answers .*\n.* ACTIVE /, / default \S+:1 /, /1 field changed/],
      ...[/in force on 1 server/, /circuit-breaker is restored/, /RESTORE by /],
      ...[/^\{"policy":/m, /"policy"/, /"patch"/, /PolicyService\/Get/],
    ]);
  });

  it('where callers have tokens', async () => {
    const { secured, settings } = await securedProcess();
    const variables = {
      POLICY_TLS_CA: join(directory.path, 'authority.pem'),
      POLICY_TOKEN: secured.issue('anna'),
    };
    await writeFile(variables.POLICY_TLS_CA, secured.authority.cert);
    const env = { ...settings, POLICY_TOKENS: secured.files.tokens };
    expectAnswers(await outputsOf(env, EACH_PROGRAM, variables), OF_EACH_PROGRAM);
  });

  it('where callers have certificates', async () => {
    const { secured, settings } = await securedProcess();
    const variables = {
      POLICY_TLS_CA: join(directory.path, 'authority.pem'),
      POLICY_CLIENT_CERT: join(directory.path, 'anna.pem'),
      POLICY_CLIENT_KEY: join(directory.path, 'anna.key'),
    };
    const { cert, key } = await secured.clients.issue({ cn: 'anna' });
    await writeFile(variables.POLICY_TLS_CA, secured.authority.cert);
    await writeFile(variables.POLICY_CLIENT_CERT, cert);
    await writeFile(variables.POLICY_CLIENT_KEY, key);
    const env = { ...settings, POLICY_TLS_CLIENT_CA: secured.files.clientCa };
    expectAnswers(await outputsOf(env, EACH_PROGRAM, variables), OF_EACH_PROGRAM);
  });

  async function securedProcess(): Promise<{ secured: Secured; settings: Record<string, string> }> {
    const secured = await secure(directory.path);
    const { cert, key, access } = secured.files;
    const settings = { POLICY_TLS_CERT: cert, POLICY_TLS_KEY: key, POLICY_ACCESS: access };
    return { secured, settings };
  }
});

/** Runs a command in a shell at the top of the repository until it ends, or has printed one JSON object or one change. */
async function firstOutput(command: string, variables: NodeJS.ProcessEnv): Promise<string> {
  const env = { ...process.env, ...variables };
  const shell = spawn('sh', ['-c', command], { cwd: ROOT, detached: true, env });
  const closed = once(shell, 'close');
  let output = '';
  shell.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const printed = new Promise<void>((resolve) => {
    shell.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/^(\}|\d{4}-.*)\n/m.test(output)) resolve();
    });
  });
  await Promise.race([printed, closed]);
  if (shell.exitCode === null && shell.pid !== undefined) process.kill(-shell.pid, 'SIGTERM');
  await closed;
  return output;
}

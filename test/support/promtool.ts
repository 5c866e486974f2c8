import { execFile } from 'node:child_process';
import { once } from 'node:events';

/** What promtool says of a file or of its input. `code` 0: it has nothing to say against it. */
export async function promtool(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number | null; readonly output: string }> {
  const run = execFile('promtool', args);
  let output = '';
  run.stdout?.on('data', (text: string) => (output += text));
  run.stderr?.on('data', (text: string) => (output += text));
  run.stdin?.end(input);
  const [code] = (await once(run, 'close')) as [number | null];
  return { code, output };
}

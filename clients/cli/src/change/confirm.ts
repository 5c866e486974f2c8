import { createInterface } from 'node:readline';

import { UsageError } from '../usage-error.js';

/**
 * Asks on stderr, and takes nothing but yes for yes.
 * @throws UsageError where nobody is there to answer.
 */
export async function confirm(question: string): Promise<boolean> {
  // A question on a stderr that goes elsewhere would be waited for unseen.
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(
      'this loosens the policy, and stdin or stderr is no terminal to ask at: look at the diff, then give --yes',
    );
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      lines.question(`${question} [y/N] `, resolve);
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

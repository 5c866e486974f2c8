import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

// Runs every test, or those below the paths that are named (`unit conformance/memory`): a process of mocha for each folder, as
// many at a time as there are processors. What began first is shown as it goes, the others when their turn comes. The last
// line is `N passed, N failed`, of all.

const TESTS = import.meta.dirname;
/** Folders, in this order, so that none that takes long is left for the end. */
const LONG = ['integration', 'faults', 'unit/engine', 'conformance', 'browser', 'cli'];

interface Outcome {
  readonly folder: string;
  readonly passed: number;
  readonly failed: number;
}

/** Shows what several programs write, one after the other. */
class Screen {
  readonly #waiting: { text: string; over: boolean }[] = [];

  /** A place behind those that there are. */
  place(): { write(text: string): void; end(): void } {
    const place = { text: '', over: false };
    this.#waiting.push(place);
    return {
      write: (text) => {
        place.text += text;
        this.#show();
      },
      end: () => {
        place.over = true;
        this.#show();
      },
    };
  }

  #show(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      process.stdout.write(first.text);
      first.text = '';
      if (!first.over) return;
      this.#waiting.shift();
    }
  }
}

/** The files of each folder. */
function testsBelow(paths: readonly string[]): Map<string, string[]> {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .filter((path) => paths.length === 0 || paths.some((below) => path.startsWith(below)))
    .sort();
  const folderOf = (path: string): string =>
    LONG.find((long) => path.startsWith(`${long}/`)) ?? path.slice(0, path.indexOf('/'));
  const rank = (folder: string): number => (LONG.includes(folder) ? LONG.indexOf(folder) : LONG.length);
  const folders = [...new Set(files.map(folderOf))].sort((a, b) => rank(a) - rank(b));
  return new Map(folders.map((folder) => [folder, files.filter((path) => folderOf(path) === folder)]));
}

function runTests(folder: string, files: readonly string[], screen: Screen): Promise<Outcome> {
  const place = screen.place();
  const colours = process.stdout.isTTY ? ['--color'] : [];
  const mocha = spawn('mocha', [...colours, ...files.map((file) => join(TESTS, file))], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [mocha.stdout, mocha.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-1000);
      place.write(text);
    });
  }
  return new Promise((resolve, reject) => {
    mocha.on('error', reject);
    mocha.on('close', (code) => {
      place.end();
      const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
      // One that broke off before its last line, or failed behind it, has failed at least once.
      const failures = Math.max(Number(failed ?? 1), code === 0 ? 0 : 1);
      resolve({ folder, passed: Number(passed ?? 0), failed: failures });
    });
  });
}

const waiting = [...testsBelow(process.argv.slice(2))];
const screen = new Screen();
const outcomes: Outcome[] = [];
async function runNext(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    outcomes.push(await runTests(...next, screen));
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, runNext));

for (const { folder, failed } of outcomes) {
  if (failed > 0) console.log(`test/${folder}: ${failed} failed, see above`);
}
const sum = (of: 'passed' | 'failed'): number => outcomes.reduce((total, each) => total + each[of], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || outcomes.length === 0 ? 1 : 0;

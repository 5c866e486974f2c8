import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Of the market and its signals. */
  readonly seed: number;
  /** How long the day takes. */
  readonly seconds: number;
  readonly json: boolean;
  readonly help: boolean;
}

export const USAGE = `A trading day in half a minute: every component of a trading system on a policy server of its own.

  make demo                                        one server on SQLite
  POLICY_STORE=redis://127.0.0.1:6379 make demo    two replicas on a store (redis://…, postgres://…), in a new
                                                   namespace or that of POLICY_NAMESPACE
  npx tsx test/demo/main.ts [options]              after make build

  --seed N       another market; 0 to 4294967295, default 1
  --seconds N    how long the day takes, 10 to 600, default 24
  --json         a report on standard output; what happens goes to standard error
  --help         this text

On a terminal it draws the day in place, without colours where NO_COLOR is set; else it writes a line per event.
Everything goes over TLS; each component proves who it is, and may change what its role may. A rogue controller tries more.
Ends with 0 only if every decision matches the policy revision that it was made on, nobody opened a position between the
receipt of a trip and its restore, every listener was told of every change once and in order, and the rogue
controller was refused all that it tried, which the log shows; else with 1.
`;

/** @throws Error with what to say for arguments that cannot be used. */
export function readOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '24' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { seed, seconds, json, help } = values;
  return {
    seed: readWhole('seed', seed, 0, 2 ** 32 - 1),
    seconds: readWhole('seconds', seconds, 10, 600),
    json,
    help,
  };
}

function readWhole(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`--${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}

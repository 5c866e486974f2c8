// Holds live policies until it is killed, and decides on the same entry by each of them all the time. Prints what is
// found whenever it is not as before. Argument: ExecutorsSettings as JSON.
import {
  authorizeTrade,
  formatVersion,
  type LivePolicy,
  PolicyClient,
  type PolicyView,
} from '@policystore/client';

import { ENTRY, type ExecutorsSettings, type Line, now } from './executors.js';

const { namespace, executors, lookMs } = JSON.parse(process.argv[2] ?? '') as ExecutorsSettings;

/** What was found and not printed yet. */
const lines: string[] = [];

class Executor {
  readonly #instance: string;
  readonly #live: LivePolicy;
  /** What it decided by last, and when. */
  #view: PolicyView | undefined;
  #at = now();

  constructor(instance: string, addresses: readonly string[]) {
    this.#instance = instance;
    this.#live = new PolicyClient({ addresses, namespace, name: 'executor' }).live({ instance });
  }

  look(): void {
    const at = now();
    const view = this.#live.current;
    const { version, reasons } = authorizeTrade(view, ENTRY);
    // The same view is decided on in the same way.
    if (view !== this.#view) {
      this.#view = view;
      const denials = reasons.map(({ code }) => code);
      const [instance, lastAt] = [this.#instance, this.#at];
      const line: Line = { instance, at, lastAt, version: formatVersion(version), denials };
      lines.push(JSON.stringify(line));
    }
    this.#at = at;
  }
}

const all = executors.map(({ instance, addresses }) => new Executor(instance, addresses));
setInterval(() => {
  for (const each of all) each.look();
  if (lines.length > 0) process.stdout.write(`${lines.splice(0).join('\n')}\n`);
}, lookMs);

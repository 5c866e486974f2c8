import { fileURLToPath } from 'node:url';

import { type Entry, type ReasonCode } from '@policystore/client';

import { type ManagedProcess, startProcess, until } from '../../support/process.js';

/** What executors are asked for all the time. */
export const ENTRY: Entry = {
  kind: 'entry',
  strategy: 'trend',
  symbol: 'BTCUSDT',
  confidence: 1,
  riskPerTrade: 0.001,
  openPositions: 0,
};

/** Lets `ENTRY` pass. */
export const OPEN = { allowedStrategies: ['trend'], allowedSymbols: ['BTCUSDT'] };

/** Milliseconds of a monotonic clock that all processes of the machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface ExecutorsSettings {
  readonly namespace: string;
  /** Each has a connection of its own. */
  readonly executors: readonly { readonly instance: string; readonly addresses: readonly string[] }[];
  /** How often each decides, in milliseconds. */
  readonly lookMs: number;
}

/** What an executor found that was not as before: the first one with another policy, or another lease. */
export interface Finding {
  /** On the clock of `now`. */
  readonly at: number;
  /** `epoch:revision` of the policy that was decided on. */
  readonly version: string;
  /** Why the entry was denied; empty: it was allowed. */
  readonly denials: readonly ReasonCode[];
}

/** What the process prints for each finding, as a line of JSON. */
export interface Line extends Finding {
  readonly instance: string;
  /** When it decided last before, and found as before. */
  readonly lastAt: number;
}

/** A time in which an executor allowed entries by one policy, from its first look to its last. */
export interface Approval {
  readonly instance: string;
  readonly version: string;
  readonly from: number;
  /** Infinity: it has not looked at another policy since. */
  readonly to: number;
}

/** Executors in a process of their own. */
export class Executors {
  readonly process: ManagedProcess;
  readonly #lines = new Map<string, Line[]>();
  readonly #ended: Promise<never>;
  #taken = 0;

  private constructor(process: ManagedProcess, { executors }: ExecutorsSettings) {
    this.process = process;
    this.#ended = process.exited.then(() => {
      throw new Error(`the executors ended:\n${process.output.slice(this.#taken)}`);
    });
    this.#ended.catch(() => undefined);
    for (const { instance } of executors) this.#lines.set(instance, []);
  }

  /** Resolves when all of them have decided for the first time. */
  static async start(settings: ExecutorsSettings): Promise<Executors> {
    const started = await startProcess({
      command: process.execPath,
      args: ['--import=tsx', PROGRAM, JSON.stringify(settings)],
      answers: async ({ output }) => output.includes('\n'),
    });
    return new Executors(started, settings);
  }

  get instances(): readonly string[] {
    return [...this.#lines.keys()];
  }

  /** What an executor found so far; the last one holds still. */
  findings(instance: string): readonly Line[] {
    this.#take();
    return this.#lines.get(instance) ?? [];
  }

  /** What each of them finds now. */
  newest(): Finding[] {
    return this.instances.flatMap((instance) => this.findings(instance).at(-1) ?? []);
  }

  /** Resolves when each of them finds what is looked for. */
  async find(isWanted: (finding: Finding) => boolean): Promise<void> {
    const count = this.instances.length;
    const found = until(async () => this.newest().filter(isWanted).length === count, {
      timeoutMs: PATIENCE_MS,
    });
    await Promise.race([found, this.#ended]);
  }

  approvals(instance: string): Approval[] {
    const lines = this.findings(instance);
    return lines.flatMap(({ at, version, denials }, i) =>
      denials.length > 0 ? [] : { instance, version, from: at, to: lines[i + 1]?.lastAt ?? Infinity },
    );
  }

  #take(): void {
    const { output } = this.process;
    const end = output.lastIndexOf('\n') + 1;
    if (end === this.#taken) return;
    for (const text of output.slice(this.#taken, end - 1).split('\n')) {
      // Node itself may say something too.
      if (!text.startsWith('{')) continue;
      const line = JSON.parse(text) as Line;
      this.#lines.get(line.instance)?.push(line);
    }
    this.#taken = end;
  }
}

/** As long as a busy machine may take. */
const PATIENCE_MS = 60_000;

const PROGRAM = fileURLToPath(new URL('./executors-process.ts', import.meta.url));

export function isAllowed({ denials }: Finding): boolean {
  return denials.length === 0;
}

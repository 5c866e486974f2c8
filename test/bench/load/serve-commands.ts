import { performance } from 'node:perf_hooks';

import { percentile } from '../measure/statistics.js';
import type { Reply, Window } from './messages.js';

/** Rejects when a connection or a call fails; what is measured then means nothing. */
let reject: (error: Error) => void = () => undefined;

/** Fails the command under way. */
export function fail(error: Error): void {
  reject(error);
}

/** Answers the commands of the process that forked this one, which sends only what `execute` takes, and ends with it. */
export function serveCommands(execute: (command: never) => Promise<Reply>): void {
  process.on('message', (command) => {
    const failed = new Promise<never>((_resolve, rejectFailed) => (reject = rejectFailed));
    Promise.race([execute(command as never), failed]).then(
      (reply: Reply) => process.send?.(reply),
      (error: unknown) => process.send?.({ kind: 'failed', message: String(error) } satisfies Reply),
    );
  });
  process.once('disconnect', () => process.exit());
}

export async function measure(work: (record: (ms: number) => void) => Promise<void>): Promise<Window> {
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work((ms) => times.push(ms));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    requests: times.length,
    seconds,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    generatorCpu: (user + system) / 1e6,
  };
}

export function find<Value>(map: ReadonlyMap<string, Value>, name: string): Value {
  const value = map.get(name);
  if (value === undefined) throw new Error(`the load generator does not know ${name}`);
  return value;
}

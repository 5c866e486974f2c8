import type { Window } from '../load/messages.js';
import { cpuSeconds } from './cpu.js';

/** What one window of time showed, of the load and of the server. */
export interface Sample {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU microseconds of the server for each request. */
  readonly cpu: number;
  /** Share of a core that the load generator used. */
  readonly generator: number;
}

export async function sample(pid: number, measure: () => Promise<Window>): Promise<Sample> {
  const before = cpuSeconds(pid);
  const { requests, seconds, p50, p99, generatorCpu } = await measure();
  const used = cpuSeconds(pid) - before;
  return {
    requests,
    perSecond: requests / seconds,
    p50,
    p99,
    cpu: (used / requests) * 1e6,
    generator: generatorCpu / seconds,
  };
}

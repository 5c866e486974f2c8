import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of /proc/PID/stat per second: fixed by the kernel's interface on Linux. */
const TICKS = 100;

/**
 * CPU seconds that a process has used, all threads. To the nanosecond where the kernel keeps schedstat, else to
 * ten milliseconds.
 */
export function cpuSeconds(pid: number): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const used = tasks.map((task) => Number(read(`/proc/${pid}/task/${task}/schedstat`)[0]));
    return used.reduce((sum, ns) => sum + ns, 0) / 1e9;
  } catch {
    // After the name, which stands in brackets and may hold blanks, utime and stime are fields 12 and 13.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }
}

function read(path: string): string[] {
  return readFileSync(path, 'utf8').trim().split(' ');
}

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import type { Call, Window } from '../load/messages.js';

const run = promisify(execFile);

/** What h2load sends as the body of every request. */
export async function writeBody(file: string, { message }: Call): Promise<void> {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  await writeFile(file, Buffer.concat([prefix, message]));
}

/** Makes `requests` calls with h2load, 16 in flight on each of 4 connections. It times no single call. */
export async function h2load(port: number, path: string, body: string, requests: number): Promise<Window> {
  const load = ['-n', String(requests), '-c', '4', '-m', '16', '-d', body];
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const { stdout } = await run('h2load', [...load, ...headers, `http://127.0.0.1:${port}${path}`]);
  const perSecond = Number(/finished in \S+, ([\d.]+) req\/s/.exec(stdout)?.[1]);
  if (!stdout.includes(`${requests} succeeded`) || Number.isNaN(perSecond)) {
    throw new Error(`h2load did not succeed:\n${stdout}`);
  }
  return { requests, seconds: requests / perSecond, p50: NaN, p99: NaN, generatorCpu: NaN };
}

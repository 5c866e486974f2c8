import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { RedisRefusal, type Argument, type Connection, type Reply } from './connection.js';
import { parseText } from './replies.js';

/** A Lua script. Its file's suffix is the number of keys, as here the number of names in `keys`. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export const ANNOUNCE = readScript('announce-1');
export const ANNOUNCED = readScript('announced-1');
export const COMMIT = readScript('commit-2');
export const FOLLOW = readScript('follow-2');
export const LOAD = readScript('load-2');
export const RANGE = readScript('range-2');

/** Runs a script by its hash, or by its text where Redis does not know it (yet, or after a restart). */
export async function runScript(
  connection: Connection,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
  timeoutMs: number,
): Promise<Reply> {
  try {
    return await connection.send(['EVALSHA', script.sha, keys.length, ...keys, ...args], timeoutMs);
  } catch (error) {
    if (!isRefusal(error, 'NOSCRIPT')) throw error;
    return await connection.send(['EVAL', script.text, keys.length, ...keys, ...args], timeoutMs);
  }
}

/**
 * Runs a script that only reads and that by its flags asks for a master that takes writes. A master that cannot
 * save to disk refuses it, after the check that it is the master: its data is as good as ever, so it is read then.
 * But Redis names that fault before it looks at min-replicas-to-write, and what only reads is not checked for it: where
 * that is set, a master that may have been replaced would confirm, so the refusal stays.
 */
export async function runReader(
  connection: Connection,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
  timeoutMs: number,
): Promise<Reply> {
  try {
    return await runScript(connection, script, keys, args, timeoutMs);
  } catch (error) {
    if (!isRefusal(error, 'MISCONF') || !(await needsNoReplicas(connection, timeoutMs))) throw error;
    const readOnly = toScript(script.text.replace(/^#!lua.*/, '#!lua flags=no-writes'));
    return await runScript(connection, readOnly, keys, args, timeoutMs);
  }
}

/** Whether the server surely takes writes without replicas: it counts the good ones only where it needs some. */
async function needsNoReplicas(connection: Connection, timeoutMs: number): Promise<boolean> {
  try {
    const info = parseText(await connection.send(['INFO', 'replication'], timeoutMs));
    return info.includes('role:') && !info.includes('min_slaves_good_slaves');
  } catch (error) {
    if (error instanceof RedisRefusal) return false;
    throw error;
  }
}

function isRefusal(error: unknown, code: string): boolean {
  return error instanceof RedisRefusal && error.code === code;
}

function readScript(name: string): Script {
  return toScript(
    readLua(name).replace(/^-- include (.+)\.lua$/gm, (_, included: string) => readLua(included)),
  );
}

function readLua(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}

function toScript(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

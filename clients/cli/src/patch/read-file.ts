import { readFileSync } from 'node:fs';

import { parse, YAMLParseError } from 'yaml';

import { UsageError } from '../usage-error.js';
import { readObject } from './values.js';

/** Reads YAML or JSON; `-` is stdin. @throws UsageError */
export function readFile(path: string): Record<string, unknown> {
  const name = path === '-' ? 'stdin' : path;
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new UsageError(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return readObject(name, parse(text) ?? {});
  } catch (error) {
    if (error instanceof YAMLParseError) throw new UsageError(`${name}: ${error.message}`);
    throw error;
  }
}

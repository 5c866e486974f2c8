import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

import { type Finding, pathText } from './violation.js';

const MAX_CHARACTERS = 4 * 1024 * 1024;

export interface PolicyFile {
  readonly value: unknown;
  /** The line, from 1, on which the value of a path begins, or the closest thing around it. */
  lineOf(path: Finding['path']): number;
}

/**
 * Reads YAML 1.2, and JSON with it. Repeated keys, unknown tags and aliases that blow up are errors.
 * @throws Error with the line where possible.
 */
export function parsePolicyFile(text: string): PolicyFile {
  if (text.length > MAX_CHARACTERS) throw new Error(`has more than ${MAX_CHARACTERS} characters`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const [error] = [...document.errors, ...document.warnings];
  if (error) throw new Error(`line ${lines.linePos(error.pos[0]).line}: ${error.message}`);

  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  return {
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    lineOf(path) {
      let node = resolve(document.contents);
      let offset = startOf(node) ?? 0;
      for (const part of path) {
        const [key, value] = member(node, part);
        offset = startOf(key) ?? startOf(value) ?? offset;
        node = resolve(value);
      }
      return lines.linePos(offset).line;
    },
  };
}

function member(node: unknown, part: string | number): [key: unknown, value: unknown] {
  if (isSeq(node)) return [undefined, node.items[Number(part)]];
  if (!isMap(node)) return [undefined, undefined];
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
  return [pair?.key, pair?.value];
}

function startOf(node: unknown): number | undefined {
  return (node as Node | undefined | null)?.range?.[0];
}

/**
 * Reads a file of settings.
 * @param source the name of the file, for errors.
 * @throws Error naming the file, and the line where possible.
 */
export function readSource(text: string, source: string): PolicyFile {
  try {
    return parsePolicyFile(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${source} is neither YAML nor JSON that can be used: ${why}`, { cause });
  }
}

const MAX_PROBLEMS = 20;

/** What is wrong with a file, a line for each: file, line, path, rule. `whole` is what the empty path stands for. */
export function problemsText(
  findings: readonly Finding[],
  file: PolicyFile,
  source: string,
  whole: string,
): string {
  const lines = findings
    .slice(0, MAX_PROBLEMS)
    .map(({ path, description }) =>
      [`${source}, line ${file.lineOf(path)}:`, pathText(path) || whole, description].join(' '),
    );
  const more = findings.length - lines.length;
  return [...lines, ...(more > 0 ? [`${source}: and ${more} more`] : [])].join('\n');
}

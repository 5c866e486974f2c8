import { ChangeKind, formatVersion, type HistoryEntry } from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions, collectNames, readCount, readTime } from '../arguments.js';
import { entryJson, entryText } from '../output/entry.js';
import { type Terminal } from '../output/terminal.js';
import { FIELD_NAMES, oneOf } from '../patch/fields.js';
import { type Session, withSession } from '../session.js';

interface Options {
  readonly actor?: string;
  readonly field?: string[];
  readonly kind?: string[];
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
}

const KINDS = Object.keys(ChangeKind).filter((name) => /^[A-Z]/.test(name) && name !== 'UNSPECIFIED');

export function addHistory(program: Command, terminal: Terminal): void {
  const command = program
    .command('history')
    .description('who changed what, when and why, newest first')
    .option('--actor <name>', 'only by this one')
    .option('--field <name,...>', 'only changes of these; also: overrides', collectNames)
    .option('--kind <kind,...>', `only these: ${KINDS.join(', ').toLowerCase()}`, collectNames)
    .option('--since <time>', 'the earliest; 2026-11-20T14:03:07Z, or 2h ago', readTime)
    .option('--until <time>', 'the latest', readTime)
    .option('--limit <count>', 'at most so many', readCount, 20);
  addCommonOptions(command).action(async (options: Options) => {
    const query = {
      actor: options.actor,
      fields: options.field?.map((name) => oneOf('field', name, [...FIELD_NAMES, 'overrides'] as const)),
      kinds: options.kind?.map(readKind),
      from: options.since,
      to: options.until,
    };
    await withSession(terminal, command, (session) => history(session, query, options.limit));
  });
}

async function history(
  { client, printer, terminal, target }: Session,
  query: Parameters<Session['client']['history']>[0],
  limit: number,
): Promise<void> {
  const entries: HistoryEntry[] = [];
  for await (const entry of client.history({ ...query, pageSize: Math.min(limit, 500) })) {
    entries.push(entry);
    if (printer.isForPeople) terminal.print(entryText(entry, terminal.palette));
    if (entries.length === limit || terminal.closed.aborted) break;
  }
  printer.printData({ namespace: target.namespace, changes: entries.map(entryJson) });
  if (entries.length === 0) terminal.tell('no change is kept that fits');
  const last = entries.at(-1);
  if (entries.length === limit && last) {
    terminal.tell(`the newest ${limit}, down to ${formatVersion(last.version)}: --limit shows more`);
  }
}

function readKind(name: string): ChangeKind {
  return ChangeKind[oneOf('kind', name.toUpperCase(), KINDS) as keyof typeof ChangeKind];
}

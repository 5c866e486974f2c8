import { formatVersion, type Moment, type Policy, View } from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions } from '../arguments.js';
import { changesJson, changesOf, changesOfBase, type ValueChange } from '../change/changes.js';
import { changeLines } from '../output/change-lines.js';
import { type Terminal } from '../output/terminal.js';
import { readPolicyDocument } from '../patch/documents.js';
import { readFile } from '../patch/read-file.js';
import { type Session, withSession } from '../session.js';
import { UsageError } from '../usage-error.js';
import { readMoment } from './at.js';

interface Options {
  readonly file?: string;
}

interface Comparison {
  readonly from: string;
  readonly to: string;
  readonly changes: readonly ValueChange[];
}

export function addDiff(program: Command, terminal: Terminal): void {
  const command = program
    .command('diff')
    .description('what overrides change now; or what changed from a moment to now, or to another one')
    .argument('[from]', 'REVISION, EPOCH:REVISION, a time, or how long ago', readMoment)
    .argument('[to]', 'as from (now)', readMoment)
    .option('-f, --file <path>', 'what `update -f` with this file would change; - is stdin');
  addCommonOptions(command).action(
    async (from: Moment | undefined, to: Moment | undefined, { file }: Options) => {
      if (file !== undefined && from) throw new UsageError('give a file or revisions, not both');
      await withSession(terminal, command, async (session) => {
        if (file !== undefined) show(session, await compareFile(session, file));
        else if (from) show(session, await compareMoments(session, from, to));
        else show(session, await compareViews(session));
      });
    },
  );
}

async function compareViews({ client }: Session): Promise<Comparison> {
  const [base, effective] = await Promise.all([
    client.get({ view: View.BASE }),
    client.get({ view: View.EFFECTIVE }),
  ]);
  return {
    from: `base ${formatVersion(base.version)}`,
    to: `in force ${formatVersion(effective.version)}`,
    changes: changesOfBase(base.policy, effective.policy),
  };
}

async function compareMoments(session: Session, from: Moment, to: Moment | undefined): Promise<Comparison> {
  const [was, is] = await Promise.all([baseAt(session, from), baseAt(session, to)]);
  return { from: was.name, to: is.name, changes: changesOf(was.policy, is.policy) };
}

async function baseAt(
  { client }: Session,
  moment: Moment | undefined,
): Promise<{ name: string; policy: Policy }> {
  if (!moment) {
    const { version, policy } = await client.get({ view: View.BASE });
    return { name: formatVersion(version), policy };
  }
  const { version, base } = await client.revision(moment);
  return { name: formatVersion(version), policy: base };
}

/** The server says what the file would make: it knows the defaults. */
async function compareFile({ client }: Session, file: string): Promise<Comparison> {
  const input = readPolicyDocument(readFile(file));
  const { version, policy: base } = await client.get({ view: View.BASE });
  const { policy } = await client.update(input, { validateOnly: true, expectedVersion: version });
  return {
    from: formatVersion(version),
    to: file === '-' ? 'stdin' : file,
    changes: policy ? changesOfBase(base, policy) : [],
  };
}

function show({ printer, terminal, target }: Session, { from, to, changes }: Comparison): void {
  const data = { namespace: target.namespace, from, to, changes: changesJson(changes) };
  if (changes.length > 0 || !printer.isForPeople) {
    printer.print(data, () => changeLines(changes, terminal.palette).join('\n'));
  }
  terminal.tell(
    `${target.namespace}: ${changes.length === 0 ? 'no difference from' : 'from'} ${from} to ${to}`,
  );
}

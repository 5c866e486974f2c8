import { formatVersion, type Json, View } from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions } from '../arguments.js';
import { policyJson } from '../output/policy-json.js';
import { policyText } from '../output/policy-text.js';
import { type Terminal } from '../output/terminal.js';
import { durationText, valueText } from '../output/text.js';
import { FIELD_NAMES, oneOf, OUTPUT_ONLY } from '../patch/fields.js';
import { type Session, withSession } from '../session.js';

export function addGet(program: Command, terminal: Terminal): void {
  const command = program
    .command('get')
    .description('show the policy that is in force, or the values of some fields')
    .argument('[fields...]', 'only these; of one alone just the value')
    .option('--base', 'what writers wrote, without overrides');
  addCommonOptions(command).action(async (names: string[], options: { base?: boolean }) => {
    const fields = names.map((name) => oneOf('field', name, [...FIELD_NAMES, ...OUTPUT_ONLY]));
    await withSession(terminal, command, (session) => get(session, fields, options.base === true));
  });
}

async function get(session: Session, fields: readonly string[], isBase: boolean): Promise<void> {
  const { client, printer, terminal, target } = session;
  const view = isBase ? View.BASE : View.EFFECTIVE;
  const { policy, version, validForMs } = await client.get({ view });
  const all = policyJson(policy) as Record<string, Json>;
  const shown = fields.length === 0 ? all : Object.fromEntries(fields.map((name) => [name, all[name]]));
  const data = {
    namespace: target.namespace,
    version: formatVersion(version),
    valid_for_ms: validForMs,
    view: View[view],
    policy: shown,
  };
  if (!printer.isForPeople || fields.length > 0) {
    printer.print(data, () =>
      fields
        .map((name) => (fields.length === 1 ? linesOf(all[name]) : `${name}\t${linesOf(all[name])}`))
        .join('\n'),
    );
    return;
  }
  const { palette } = terminal;
  const base = !isBase && policy.overrides.length > 0 ? await client.get({ view: View.BASE }) : undefined;
  const belief = validForMs > 0 ? `valid for ${durationText(validForMs)}` : palette.bad('not to be believed');
  terminal.print(
    `${palette.strong(`${target.namespace} ${formatVersion(version)}`)}  ${isBase ? 'base' : 'in force'}, ${belief}`,
  );
  terminal.print(policyText(policy, palette, base?.policy));
}

/** One name or entry per line, for scripts. */
function linesOf(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return valueText(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map(valueText).join('\n');
  return Object.entries(value)
    .map(([key, each]) => `${valueText(key)}\t${valueText(each)}`)
    .join('\n');
}

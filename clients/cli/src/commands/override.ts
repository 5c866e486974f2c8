import { formatVersion, type OverrideInput, View } from '@policystore/client';
import { type Command, Option } from 'commander';

import { addCommonOptions, readDuration } from '../arguments.js';
import { changesJson, changesOf } from '../change/changes.js';
import { propose } from '../change/propose.js';
import { changeLines } from '../output/change-lines.js';
import { type Terminal } from '../output/terminal.js';
import { readLimits } from '../patch/assignments.js';
import { type Session, withSession } from '../session.js';
import { stopEverywhere } from '../stop/stop-everywhere.js';

const EXAMPLES = `
Limits: trading_state=halted risk_mode=defensive max_risk_per_trade=0.005 max_positions=3 global_min_confidence=0.8
        block_all_strategies=true block_strategies=scalp,trend block_symbols=BTCUSDT
Examples:
  policyctl override ban-BTC block_symbols=BTCUSDT --ttl 2h --reason 'venue halted'
  policyctl override halt trading_state=halted --reason 'wrong prices'       exits too`;

const WAIT_MS = 2000;

interface Options {
  readonly reason: string;
  readonly ttl?: number;
  readonly dryRun?: boolean;
  readonly wait: number;
}

export function addOverride(program: Command, terminal: Terminal): void {
  const command = program
    .command('override')
    .description('tighten the policy under a name until it is restored, whatever is written meanwhile')
    .argument('<name>', 'what it is restored by; giving it again may only tighten it')
    .argument('<limits...>', 'LIMIT=VALUE')
    .requiredOption('--reason <text>', 'why')
    .option('--ttl <duration>', 'it ends by itself after that', readDuration)
    .option('--dry-run', 'show the diff and change nothing')
    .addOption(
      new Option('--wait <duration>', 'how long to wait until everybody has applied it')
        .argParser(readDuration)
        .default(WAIT_MS, '2s'),
    )
    .addHelpText('after', EXAMPLES);
  addCommonOptions(command).action(async (name: string, limits: string[], options: Options) => {
    const { reason, ttl, wait } = options;
    const input = { name, limits: readLimits(limits), reason, ttlMs: ttl };
    await withSession(terminal, command, (session) =>
      options.dryRun === true
        ? showOnly(session, input)
        : stopEverywhere(session, { input, waitMs: wait }, { allNamespaces: false }),
    );
  });
}

async function showOnly(session: Session, input: OverrideInput): Promise<void> {
  const { client, printer, terminal, target } = session;
  const trial = { validateOnly: true };
  const { version, before, after } = await propose(client, View.EFFECTIVE, () =>
    client.override(input, trial),
  );
  const changes = changesOf(before, after);
  const data = {
    namespace: target.namespace,
    version: formatVersion(version),
    changed: false,
    changes: changesJson(changes),
  };
  printer.print(data, () =>
    changes.length === 0 ? 'nothing for executors' : changeLines(changes, terminal.palette).join('\n'),
  );
  terminal.tell('dry run: nothing was changed');
}

import {
  ChangeKind,
  type FieldName,
  formatVersion,
  type Policy,
  RiskMode,
  TradingState,
  type WatchEvent,
} from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions } from '../arguments.js';
import { changesJson, changesOf, type ValueChange } from '../change/changes.js';
import { changeLines, changesInline } from '../output/change-lines.js';
import { overrideJson, policyJson } from '../output/policy-json.js';
import { type Terminal } from '../output/terminal.js';
import { nameOf, plain, timeText } from '../output/text.js';
import { readFieldName } from '../patch/fields.js';
import { type Session, withSession } from '../session.js';

interface Options {
  readonly diff?: boolean;
}

export function addWatch(program: Command, terminal: Terminal): void {
  const command = program
    .command('watch')
    .description('print every change as it comes, until Ctrl-C (exit 130); json prints an object a line')
    .argument('[fields...]', 'only changes of these; stops always come')
    .option('--diff', 'a line per value instead of a line per change');
  addCommonOptions(command).action(async (names: string[], options: Options) => {
    const fields = names.map(readFieldName);
    await withSession(terminal, command, (session) => watch(session, fields, options));
  });
}

async function watch(session: Session, fields: readonly FieldName[], options: Options): Promise<void> {
  const { client, terminal, printer } = session;
  let before: Policy | undefined;
  const events = client.watch({ fields, signal: terminal.closed });
  try {
    for await (const event of events) {
      // What was not chosen is not there: it reads as unchanged.
      const after: Policy = { ...EMPTY, ...event.policy };
      const changes = before ? changesOf(before, after) : [];
      before = after;
      printer.printNext(eventJson(session, event, chosen(after, fields), changes), () =>
        eventText(session, event, changes, options.diff === true),
      );
    }
  } catch (error) {
    if (!terminal.closed.aborted) throw error;
  }
}

/** Stands where a watch of some fields brings nothing. */
const EMPTY: Policy = {
  riskMode: RiskMode.DEFENSIVE,
  allowedStrategies: [],
  allowedSymbols: [],
  maxRiskPerTrade: 0,
  maxPositions: 0,
  globalMinConfidence: 1,
  oppRankings: new Map(),
  modelVersions: new Map(),
  systemHealth: {},
  customParams: {},
  lastUpdated: undefined,
  tradingState: TradingState.HALTED,
  overrides: [],
};

function eventJson(
  { target }: Session,
  { kind, version, previous, resync, cause, validForMs, tradingState, overrides }: WatchEvent<FieldName>,
  policy: Record<string, unknown>,
  changes: readonly ValueChange[],
) {
  return {
    namespace: target.namespace,
    kind,
    version: formatVersion(version),
    previous: previous ? formatVersion(previous) : null,
    resync,
    valid_for_ms: validForMs,
    trading_state: TradingState[tradingState],
    overrides: overrides.map(overrideJson),
    cause: cause
      ? {
          kind: nameOf(ChangeKind, cause.kind),
          actor: cause.actor,
          reason: cause.reason,
          commit_time: cause.commitTime?.toISOString() ?? null,
          fields: cause.fields,
        }
      : null,
    ...(kind === 'snapshot' ? { policy } : { changes: changesJson(changes) }),
  };
}

function chosen(policy: Policy, fields: readonly FieldName[]): Record<string, unknown> {
  const json = Object.entries(policyJson(policy));
  const kept: readonly string[] = [...fields, 'trading_state', 'overrides'];
  return Object.fromEntries(fields.length === 0 ? json : json.filter(([name]) => kept.includes(name)));
}

function eventText(
  { target, terminal }: Session,
  { kind, version, previous, resync, cause, tradingState }: WatchEvent<FieldName>,
  changes: readonly ValueChange[],
  asDiff: boolean,
): string {
  const { palette } = terminal;
  const at = `${timeText(cause?.commitTime)}  ${palette.strong(`${target.namespace} ${formatVersion(version)}`)}`;
  const who = cause ? `${nameOf(ChangeKind, cause.kind)} by ${plain(cause.actor)}` : 'no cause is known';
  const why = cause && cause.reason !== '' ? ` (${plain(cause.reason)})` : '';
  if (!previous) return `${at}  ${TradingState[tradingState]}, last changed: ${who}${why}`;
  const skipped = kind === 'snapshot' && resync ? ' changes were skipped,' : '';
  if (asDiff) return [`${at} ${skipped} ${who}${why}`, ...changeLines(changes, palette)].join('\n');
  const what = changes.length === 0 ? 'nothing that shows' : changesInline(changes, palette);
  return `${at} ${skipped} ${who}: ${what}${why}`;
}

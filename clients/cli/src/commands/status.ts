import {
  type Current,
  type FleetMember,
  formatVersion,
  PolicyClient,
  PolicyStoreError,
  RiskMode,
  TradingState,
} from '@policystore/client';
import { type Command } from 'commander';

import { addCommonOptions } from '../arguments.js';
import { messageOf } from '../explain.js';
import { overrideJson } from '../output/policy-json.js';
import { overrideText, riskModeText, tradingStateText } from '../output/policy-text.js';
import { table } from '../output/table.js';
import { type Terminal } from '../output/terminal.js';
import { durationText, plain, timeText } from '../output/text.js';
import { type Session, withSession } from '../session.js';

/** A look is short; --deadline makes it longer. */
const DEADLINE_MS = 2000;

/** What one address says. */
interface Look {
  readonly address: string;
  readonly current: Current | undefined;
  readonly ms: number;
  readonly error: PolicyStoreError | undefined;
}

export function addStatus(program: Command, terminal: Terminal): void {
  const command = program
    .command('status')
    .description('whether the servers answer, what they have, what is in force; exit 5 where none answers');
  addCommonOptions(command).action(async () => {
    await withSession(terminal, command, status);
  });
}

async function status(session: Session): Promise<void> {
  const { terminal, printer, target } = session;
  const looks = await Promise.all(target.addresses.map((address) => lookAt(session, address)));
  const answered = looks.flatMap(({ current }) => (current ? [current] : []));
  const best = answered.reduce<Current | undefined>(
    (most, each) => (most && most.version.revision >= each.version.revision ? most : each),
    undefined,
  );
  const replicas = best ? await replicasOf(session) : undefined;
  const data = {
    namespace: target.namespace,
    reachable: best !== undefined,
    addresses: looks.map(lookJson),
    version: best ? formatVersion(best.version) : null,
    trading_state: best ? TradingState[best.policy.tradingState] : null,
    risk_mode: best ? RiskMode[best.policy.riskMode] : null,
    last_updated: best?.policy.lastUpdated?.toISOString() ?? null,
    overrides: best?.policy.overrides.map(overrideJson) ?? [],
    replicas: replicas?.map(({ instance, applied, lag }) => ({
      instance,
      version: applied ? formatVersion(applied) : null,
      lag,
    })),
  };
  printer.print(data, () => statusText(session, looks, best, replicas));
  const failure = looks.find(({ error }) => error)?.error;
  if (!best && failure) throw failure;
  if (best?.validForMs === 0) {
    terminal.tell(terminal.talkPalette.bad('no lease: the server cannot vouch for it, entries are denied'));
  }
}

async function lookAt({ target }: Session, address: string): Promise<Look> {
  const client = new PolicyClient({
    ...target,
    addresses: [address],
    deadlineMs: target.deadlineMs ?? DEADLINE_MS,
  });
  const startedAt = performance.now();
  try {
    const current = await client.get();
    return { address, current, ms: performance.now() - startedAt, error: undefined };
  } catch (error) {
    if (!(error instanceof PolicyStoreError)) throw error;
    return { address, current: undefined, ms: performance.now() - startedAt, error };
  } finally {
    client.close();
  }
}

/** Undefined: who asks may not know. */
async function replicasOf({ client }: Session): Promise<readonly FleetMember[] | undefined> {
  try {
    return (await client.fleet.list({ components: ['replica'] })).members;
  } catch (error) {
    if (error instanceof PolicyStoreError && error.code === 'PERMISSION_DENIED') return undefined;
    throw error;
  }
}

function lookJson({ address, current, ms, error }: Look) {
  return {
    address,
    reachable: current !== undefined,
    version: current ? formatVersion(current.version) : null,
    valid_for_ms: current?.validForMs ?? null,
    round_trip_ms: current ? Math.round(ms) : null,
    error: error ? messageOf(error) : null,
  };
}

function statusText(
  { terminal, target }: Session,
  looks: readonly Look[],
  best: Current | undefined,
  replicas: readonly FleetMember[] | undefined,
): string {
  const { palette } = terminal;
  const rows = looks.map(({ address, current, ms, error }) =>
    current
      ? [
          address,
          palette.good('answers'),
          formatVersion(current.version),
          durationText(current.validForMs),
          durationText(ms),
        ]
      : [address, palette.bad(isAway(error) ? 'away' : 'refuses'), error ? messageOf(error) : '', '', ''],
  );
  const lines = [table(rows, ['ADDRESS', '', 'VERSION', 'VALID FOR', 'ROUND TRIP'])];
  if (best) {
    const { tradingState, riskMode, lastUpdated, overrides } = best.policy;
    lines.push(
      `${palette.strong(target.namespace)}  ${tradingStateText(tradingState, palette)}  ${riskModeText(riskMode, palette)}` +
        `  changed ${timeText(lastUpdated)}`,
      ...overrides.map((override) => `${palette.warn('override')} ${overrideText(override)}`),
      replicas
        ? `replicas  ${replicas.map(({ instance, lag }) => `${plain(instance)}${lag > 0 ? ` (${lag} behind)` : ''}`).join(', ')}`
        : 'replicas  you may not see the fleet',
    );
  }
  return lines.join('\n');
}

function isAway(error: PolicyStoreError | undefined): boolean {
  return error?.code === 'UNAVAILABLE' || error?.code === 'DEADLINE_EXCEEDED';
}

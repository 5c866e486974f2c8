import { type FleetMember, MemberState, RiskMode, TradingState } from '@policystore/client';

import { clockTime, DAY_MINUTES } from '../market/day-time.js';
import { count, percent } from './numbers.js';
import type { Paint } from './paint.js';
import type { Scene, Told } from './teller.js';

const BAR = 40;
const LATEST = 8;

/** The screen, line by line: what matters most comes first, for what does not fit is cut off at the end. */
export function drawFrame(title: string, scene: Scene, told: readonly Told[], paint: Paint): string[] {
  return [
    paint('bold', title),
    drawProgress(scene.minute, paint),
    '',
    ...drawPolicy(scene, paint),
    ...drawAccount(scene, paint),
    ...drawDecisions(scene),
    '',
    ...drawLatest(told, paint),
    '',
    ...drawFleet(scene.fleet, paint),
  ];
}

function drawProgress(minute: number, paint: Paint): string {
  const done = Math.min(1, (minute + 1) / DAY_MINUTES);
  const full = Math.round(done * BAR);
  const bar = paint('cyan', '█'.repeat(full)) + paint('dim', '░'.repeat(BAR - full));
  return `${clockTime(minute)}  ${bar}  ${percent(done, 0)}`;
}

function drawPolicy({ phase, policy }: Scene, paint: Paint): string[] {
  const { riskMode, tradingState, maxRiskPerTrade, maxPositions, globalMinConfidence } = policy;
  const state = paint(tradingState === TradingState.ACTIVE ? 'green' : 'red', TradingState[tradingState]);
  const limits = `risk ${percent(maxRiskPerTrade)}, ${maxPositions} positions, confidence ${globalMinConfidence}`;
  const overrides = policy.overrides.map(({ name, reason }) => `${name} (${reason})`);
  return [
    row('market', `${phase.name}: ${phase.trend}, ${phase.volatility} volatility`),
    row(
      'policy',
      `${paint('bold', RiskMode[riskMode])} ${state}  ${limits}  revision ${policy.version.revision}`,
    ),
    row('overrides', overrides.length === 0 ? 'none' : paint('yellow', overrides.join(', '))),
    row('strategies', [...policy.allowedStrategies].join(' ') || 'none'),
    row('symbols', [...policy.allowedSymbols].join(' ') || 'none'),
    row('models', [...policy.modelVersions].map((model) => model.join(' ')).join(', ') || 'none'),
  ];
}

function drawAccount({ account, policy }: Scene, paint: Paint): string[] {
  const { equity, gain, drawdown, deepestDrawdown, openPositions, positions } = account;
  const lost = paint(drawdown > 0.01 ? 'red' : 'dim', `drawdown ${percent(drawdown)}`);
  const symbols = [...new Set(positions.map(({ symbol }) => symbol))].sort();
  return [
    row('equity', `${count(equity)} (${percent(gain)})  ${lost}, deepest ${percent(deepestDrawdown)}`),
    row('positions', `${openPositions} of ${policy.maxPositions}  ${symbols.join(' ')}`),
  ];
}

function drawDecisions({ decisions: { allowed, denied, byReason } }: Scene): string[] {
  const reasons = [...byReason].map(([code, times]) => `${code} ${count(times)}`);
  return [
    row('decisions', `${count(allowed)} allowed, ${count(denied)} denied`),
    ...inRows(reasons, 3).map((some) => row('', some.join('  '))),
  ];
}

function drawLatest(told: readonly Told[], paint: Paint): string[] {
  const latest = told.slice(-LATEST);
  const lines = latest.map(
    ({ minute, who, what }) => `${paint('dim', clockTime(minute))}  ${who.padEnd(20)}${what}`,
  );
  return [...lines, ...Array.from({ length: LATEST - lines.length }, () => '')];
}

function drawFleet(fleet: readonly FleetMember[], paint: Paint): string[] {
  const columns = (
    component: string,
    instance: string,
    applied: string,
    lag: string,
    state: string,
  ): string =>
    `${component.padEnd(20)}${instance.padEnd(28)}${applied.padStart(8)}${lag.padStart(6)}  ${state}`;
  return [
    paint('dim', columns('component', 'instance', 'runs', 'lag', 'state')),
    ...fleet.map(({ component, instance, applied, delivered, lag, state }) => {
      const runs = String((applied ?? delivered)?.revision ?? '');
      return columns(component, instance, runs, String(lag), stateName(state));
    }),
  ];
}

function stateName(state: MemberState): string {
  return state === MemberState.UNSPECIFIED ? 'does not say' : MemberState[state];
}

function row(name: string, text: string): string {
  return `${name.padEnd(12)}${text}`;
}

function inRows<T>(items: readonly T[], width: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / width) }, (_, i) =>
    items.slice(i * width, (i + 1) * width),
  );
}

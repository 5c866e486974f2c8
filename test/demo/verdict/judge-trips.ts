import { formatVersion, MemberState } from '@policystore/client';

import type { DayRecord, Trip } from '../record.js';

/** A trip reached everybody, and from its receipt on until its restore nobody opened anything. */
export function judgeTrips(record: DayRecord): string[] {
  return record.trips.flatMap((trip) => [...judgeReceipt(trip, record), ...judgeEntries(trip, record)]);
}

function judgeReceipt({ receipt, version }: Trip, { listeners, replicas }: DayRecord): string[] {
  const name = formatVersion(version);
  const problems = receipt.outstanding.map(
    ({ component, instance, state }) =>
      `the trip ${name} did not reach ${component} ${instance}: ${MemberState[state]}`,
  );
  const applied = receipt.members.filter(({ state }) => state === MemberState.APPLIED);
  for (const { instance } of listeners) {
    if (!applied.some((member) => member.instance === instance)) {
      problems.push(`the receipt of the trip ${name} does not say that ${instance} applied it`);
    }
  }
  const servers = applied.filter(({ component }) => component === 'replica').length;
  if (servers !== replicas) {
    problems.push(`the receipt of the trip ${name} names ${servers} replicas, there are ${replicas}`);
  }
  if (!receipt.appliedEverywhere && problems.length === 0) {
    problems.push(`the receipt of the trip ${name} does not say that it was applied everywhere`);
  }
  return problems;
}

function judgeEntries({ acknowledgedAt, restoreSentAt, version }: Trip, { decisions }: DayRecord): string[] {
  return decisions
    .filter(({ trade, allowed }) => trade.kind === 'entry' && allowed)
    .filter(({ asOf }) => asOf >= acknowledgedAt && asOf < (restoreSentAt ?? Infinity))
    .map(({ executor, asOf }) => {
      const late = (asOf - acknowledgedAt).toFixed(1);
      return `${executor} approved an entry ${late} ms after the trip ${formatVersion(version)} was acknowledged`;
    });
}

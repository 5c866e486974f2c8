import { foldPatch, formatVersion, type Policy, type Version } from '@policystore/client';

import type { DemoRecord, EventSeen, PolicyRead } from './record.js';

/** What each version must be, in order. */
type History = ReadonlyMap<string, Moment>;

interface Moment {
  readonly version: Version;
  readonly policy: string;
  /** Nobody can see it earlier. */
  readonly from: number;
}

/**
 * Judges what everybody saw by what the controllers did: one line for each thing that is wrong. No lines: every
 * watcher saw every change once and in order, every executor's reads went forward and reached the last change, and
 * every policy is what the patches up to its version fold to.
 */
export function findProblems(record: DemoRecord): string[] {
  const history = foldChanges(record);
  return [
    ...judgeOrder(history),
    ...record.watchers.flatMap(({ name, events }) => judgeWatcher(name, events, history)),
    ...record.executors.flatMap(({ name, reads }) => judgeExecutor(name, reads, history)),
  ];
}

function foldChanges({ start, changes }: DemoRecord): History {
  const history = new Map<string, Moment>();
  let { policy } = start;
  const add = (version: Version, from: number): void => {
    history.set(formatVersion(version), { version, policy: canonical(policy), from });
  };
  add(start.version, -Infinity);
  for (const { version, patch, sentAt } of changes) {
    policy = foldPatch(policy, patch);
    add(version, sentAt);
  }
  return history;
}

function judgeOrder(history: History): string[] {
  const versions = [...history.values()].map(({ version }) => version);
  return versions.slice(1).flatMap((version, i) => {
    const before = versions[i];
    const follows = version.epoch === before?.epoch && version.revision === before.revision + 1;
    return follows ? [] : [`the change ${formatVersion(version)} does not follow the one before it`];
  });
}

function judgeWatcher(name: string, events: readonly EventSeen[], history: History): string[] {
  const expected = [...history.keys()];
  const seen = events.map(({ version }) => formatVersion(version));
  const problems = events.flatMap((event) => judgePolicy(name, event, history));
  const missed = expected.filter((version) => !seen.includes(version));
  if (missed.length > 0) problems.push(`${name} missed ${missed.join(', ')}`);
  const repeated = seen.filter((version, i) => seen.indexOf(version) !== i);
  if (repeated.length > 0) problems.push(`${name} saw ${repeated.join(', ')} more than once`);
  const order = expected.filter((version) => seen.includes(version));
  if (repeated.length === 0 && seen.filter((version) => history.has(version)).join() !== order.join()) {
    problems.push(`${name} saw the changes in another order`);
  }
  for (const [i, { kind, resync, version }] of events.entries()) {
    const right = i === 0 ? kind === 'snapshot' : kind === 'change' && !resync;
    if (!right) problems.push(`${name} got a ${resync ? 'resync' : kind} at ${formatVersion(version)}`);
  }
  return problems;
}

function judgeExecutor(name: string, reads: readonly PolicyRead[], history: History): string[] {
  const problems = reads.flatMap((read) => judgePolicy(name, read, history));
  for (const [i, { version }] of reads.entries()) {
    const before = reads[i - 1]?.version;
    if (before !== undefined && version.revision < before.revision) {
      problems.push(`${name} read ${formatVersion(version)} after ${formatVersion(before)}`);
    }
  }
  const last = [...history.keys()].at(-1);
  const newest = reads.at(-1);
  if (newest === undefined || formatVersion(newest.version) !== last) {
    problems.push(`${name} never read ${last}`);
  }
  return problems;
}

function judgePolicy(name: string, read: PolicyRead, history: History): string[] {
  const version = formatVersion(read.version);
  const moment = history.get(version);
  if (moment === undefined) return [`${name} saw ${version}, which nobody made`];
  if (read.at < moment.from) return [`${name} saw ${version} before it was made`];
  if (canonical(read.policy) !== moment.policy) {
    return [`${name} holds another policy at ${version} than the patches fold to`];
  }
  return [];
}

/** The ten fields as text; entries of maps and members of structs in a fixed order. */
function canonical({
  lastUpdated: _,
  tradingState: _state,
  overrides: _overrides,
  ...fields
}: Policy): string {
  return JSON.stringify(fields, (_key, value: unknown) => {
    if (value instanceof Map) return sorted(value as Map<string, unknown>);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return sorted(Object.entries(value));
  });
}

function sorted(entries: Iterable<[string, unknown]>): [string, unknown][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

import { parseVersion, type Version } from '@policystore/client';
import { type Command, InvalidArgumentError, Option } from 'commander';

import { FORMATS } from './output/printer.js';
import { splitNames } from './patch/values.js';

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `500ms`, `2s`, `10m`, `2h`, `7d`, in milliseconds. @throws InvalidArgumentError */
export function readDuration(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined) throw new InvalidArgumentError('Write a duration as 500ms, 2s, 10m, 2h or 7d.');
  return Number(number) * factor;
}

/** A time (ISO 8601, in UTC where it names no zone), or how long ago: `2h`. @throws InvalidArgumentError */
export function readTime(text: string): Date {
  if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return new Date(Date.now() - readDuration(text));
  const isIso = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text);
  const time = isIso ? new Date(text.includes(':') && isIso[4] === undefined ? `${text}Z` : text) : undefined;
  if (time && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('Write a time as 2026-11-20T14:03:07Z, or how long ago as 30m, 2h or 7d.');
}

/** @throws InvalidArgumentError */
export function readVersion(text: string): Version {
  try {
    return parseVersion(text);
  } catch {
    throw new InvalidArgumentError('Write a version as epoch:revision, as `policyctl get` shows it.');
  }
}

/** A revision, or one with its epoch. @throws InvalidArgumentError */
export function readRevision(text: string): { revision: number; epoch?: string } {
  return /^\d+$/.test(text) ? { revision: Number(text) } : readVersion(text);
}

/** @throws InvalidArgumentError */
export function readCount(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1 on.');
}

/** An option that may be given several times, or once with commas. */
export function collectNames(text: string, before: readonly string[] = []): string[] {
  return [...before, ...splitNames(text)];
}

/** The options of every command; the program has them too, so that they may stand in front. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('--addr <host:port,...>', 'servers; several with commas').helpGroup(COMMON))
    .addOption(new Option('-n, --namespace <name>', 'which policy').helpGroup(COMMON))
    .addOption(
      new Option('--profile <name>', 'addresses, namespace, token and TLS by name').helpGroup(COMMON),
    )
    .addOption(
      new Option('-o, --output <format>', 'json and yaml are for programs')
        .choices(FORMATS)
        .helpGroup(COMMON),
    )
    .addOption(
      new Option('--deadline <duration>', 'how long a call may take (5s)')
        .argParser(readDuration)
        .helpGroup(COMMON),
    );
}

const COMMON = 'Common options:';

import { formatVersion } from '@policystore/client';

import { ROGUE } from '../identities.js';
import type { DayRecord } from '../record.js';

/**
 * Every attempt was refused for the right reason, stands in the log of a server under the identity that was proved, and
 * left nothing in the history, in which everybody's identity was proved. No log shows a secret.
 */
export function judgeRogue({ attempts, serverLog, secrets, log }: DayRecord): string[] {
  const taken = attempts
    .filter(({ expected, code }) => code !== expected)
    .map(({ what, code }) => `the rogue controller ${what}: ${code ?? 'it was taken'}`);
  const traces = log
    .filter(({ entry }) => entry.actor === ROGUE)
    .map(({ version }) => `the rogue controller made ${formatVersion(version)}`);
  const unproved = log
    .slice(1)
    .filter(({ entry }) => entry.actor !== 'system' && !entry.actorVerified)
    .map(({ version, entry }) => `nobody proved to be ${entry.actor}, who made ${formatVersion(version)}`);
  const leaks = secrets.filter((secret) => serverLog.some((line) => line.includes(secret)));
  return [
    ...taken,
    ...traces,
    ...unproved,
    ...missing(attempts, serverLog),
    ...leaks.map(() => 'a secret stands in the log of a server'),
  ];
}

function missing(attempts: DayRecord['attempts'], serverLog: DayRecord['serverLog']): string[] {
  const logged = serverLog.map((line) => JSON.parse(line) as { actor?: string; reason?: string });
  return [
    ['PERMISSION_DENIED', ROGUE],
    ['UNAUTHENTICATED', 'anonymous'],
  ].flatMap(([code, actor]) => {
    const due = attempts.filter((attempt) => attempt.code === code).length;
    const found = logged.filter((line) => line.reason === code && line.actor === actor).length;
    return found >= due ? [] : [`${due} attempts were refused ${code}, and ${found} stand in the logs`];
  });
}

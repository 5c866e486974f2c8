import { Selector } from '@policystore/client/proto';

import { checkListWatchers, checkWaitApplied } from '../../requests/fleet-checks.js';
import { type Answer, askNames, askNumber, type HttpCall } from '../http-call.js';
import { misplaced } from '../http-error.js';
import { memberAnswer, missingAnswer, receiptAnswer } from '../json/fleet.js';
import { now } from '../json/times.js';
import { versionFromText, versionText } from '../json/versions.js';

/** Who is there; with a version, who has applied it, as soon as all have or the time is over. */
export async function getFleet(call: HttpCall): Promise<Answer> {
  const selector = Selector.create({ components: askNames(call, 'component') });
  const timeoutMs = askNumber(call, 'timeout_ms');
  const version = call.ask('version');
  if (version === undefined) {
    if (timeoutMs !== undefined) throw misplaced(['query', 'timeout_ms'], 'belongs to a version');
    return listFleet(call, selector);
  }
  const wanted = versionFromText(version);
  if (wanted === undefined) {
    throw misplaced(['query', 'version'], 'must be a version that the server gave, as epoch:revision');
  }
  const timeout = timeoutMs === undefined ? undefined : { seconds: 0, nanos: timeoutMs * 1_000_000 };
  const query = checkWaitApplied({ namespace: '', version: wanted, selector, timeout });
  const receipt = await call.namespace().waitApplied(query, call.signal);
  return json({ version, ...receiptAnswer(receipt) });
}

async function listFleet(call: HttpCall, selector: Selector): Promise<Answer> {
  const query = checkListWatchers({ namespace: '', selector });
  const { version, members, missing } = await call.namespace().watchers(query);
  return json({
    version: versionText(version),
    members: members.map(memberAnswer),
    missing: missing.map(missingAnswer),
  });
}

function json(answer: object): Answer {
  return { body: JSON.stringify({ ...answer, timestamp: now('Z') }) };
}

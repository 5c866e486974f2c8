import { type PolicyClient, PolicyStoreError } from '@policystore/client';

import { createToken } from '../../../server/src/auth/token.js';
import { OPERATOR, ROGUE } from '../identities.js';
import type { Attempt } from '../record.js';
import type { Routine } from './controllers.js';
import { GOVERNORS_STOP } from './governor.js';
import type { Stage } from './stage.js';

/** What a rogue controller tries, in the order of the day; what it needs a trip for, once somebody trips. */
interface Attack {
  /** Unset: while a trip is in force. */
  readonly minute: number | undefined;
  readonly what: string;
  readonly expected: Attempt['expected'];
  readonly act: () => Promise<unknown>;
}

const REASON = 'it is only a test';

/** Tries what it has no right to: every attempt has to be refused. */
export function misbehave(stage: Stage): Routine {
  const { recorder } = stage;
  const rogue = stage.connect(ROGUE);
  const posing = stage.connect(OPERATOR, stage.identities.of(ROGUE));
  const unknown = stage.connect(OPERATOR, { ...stage.identities.of(ROGUE), token: createToken() });
  const risk = (client: PolicyClient) => () =>
    client.patch({ maxRiskPerTrade: 0.5, maxPositions: 20 }, { reason: REASON });
  const denied = 'PERMISSION_DENIED';
  const attacks: readonly Attack[] = [
    { minute: 60, what: 'raises the risk', expected: denied, act: risk(rogue) },
    { minute: 62, what: 'calls itself operator, and raises the risk', expected: denied, act: risk(posing) },
    {
      minute: 64,
      what: 'shows a token that nobody gave it, and raises the risk',
      expected: 'UNAUTHENTICATED',
      act: risk(unknown),
    },
    {
      minute: 90,
      what: 'replaces the whole policy',
      expected: denied,
      act: () => rogue.update({ maxPositions: 20, allowedStrategies: ['mine'] }, { reason: REASON }),
    },
    {
      minute: 130,
      what: 'stops everybody',
      expected: denied,
      act: () => rogue.override({ name: 'mine', reason: REASON }),
    },
    {
      minute: undefined,
      what: 'restores what the safety governor tripped',
      expected: denied,
      act: () => rogue.restore(GOVERNORS_STOP, { reason: REASON }),
    },
    {
      minute: 300,
      what: 'rolls everything back',
      expected: denied,
      act: async () => {
        const { version } = await rogue.get();
        return rogue.rollback({ ...version, revision: version.revision - 5 }, { reason: REASON });
      },
    },
  ];
  const isTripped = (): boolean => recorder.trips.some(({ restoreSentAt }) => restoreSentAt === undefined);
  const left = new Set(attacks);
  return async (minute) => {
    for (const attack of left) {
      if (attack.minute === undefined ? !isTripped() : attack.minute > minute) continue;
      left.delete(attack);
      const { what, expected } = attack;
      const refusal = await refusalOf(attack.act);
      recorder.attempts.push({ what, expected, code: refusal?.reason });
      recorder.tell(ROGUE, `${what}: ${refusal === undefined ? 'NOTHING STOPS IT' : describe(refusal)}`);
    }
  };
}

function describe({ reason, violations }: PolicyStoreError): string {
  const fields = new Set(violations.map(({ field }) => field));
  return [reason, ...(fields.size > 0 ? [`for ${[...fields].join(', ')}`] : [])].join(' ');
}

async function refusalOf(act: () => Promise<unknown>): Promise<PolicyStoreError | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (error instanceof PolicyStoreError) return error;
    throw error;
  }
}

import {
  type Member,
  MemberState,
  Selector,
  type Version,
  type WaitAppliedResponse,
} from '@policystore/client/proto';

import { millisecondsOf } from '../../server/src/engine/fleet/members.js';
import type { TestEngine } from './engine.js';

const STATES: Record<number, string> = {
  [MemberState.UNSPECIFIED]: 'silent',
  [MemberState.APPLIED]: 'applied',
  [MemberState.REJECTED]: 'rejected',
  [MemberState.PENDING]: 'pending',
  [MemberState.LOST]: 'lost',
};

/** Members as text: `executor/one applied`. */
export function linesOf({ members }: { readonly members: readonly Member[] }): string[] {
  return members.map(({ component, instance, state }) => `${component}/${instance} ${String(STATES[state])}`);
}

/** In how many milliseconds a member is safe. */
export function safeInMs(
  list: { readonly members: readonly Member[] },
  instance: string,
): number | undefined {
  const { safeIn } = list.members.find((member) => member.instance === instance) ?? {};
  return safeIn && millisecondsOf(safeIn);
}

export function waitApplied(
  engine: TestEngine,
  version: Version,
  { timeoutMs = 1000, ...selector }: Partial<Selector> & { timeoutMs?: number } = {},
  signal?: AbortSignal,
): Promise<WaitAppliedResponse> {
  const query = { version, timeoutMs, selector: { ...Selector.create(), ...selector } };
  return engine.namespace.waitApplied(query, signal);
}

/** Who is there, as text. */
export async function listed(engine: TestEngine, selector: Partial<Selector> = {}): Promise<string[]> {
  return linesOf(await engine.namespace.watchers({ selector: { ...Selector.create(), ...selector } }));
}

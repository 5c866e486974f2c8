import type { PolicyInput } from '@policystore/client';
import {
  Delivery,
  GetRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  RankingsPatch,
  WatchRequest,
} from '@policystore/client/proto';

import { type Call, type Slots, UNIQUE } from './load/messages.js';

const SERVICE = '/quantumtrader.policy.v1.PolicyService';

/** A policy of a usual size, with so many rankings. */
export function policyWith(rankings: number): PolicyInput {
  return {
    maxRiskPerTrade: 0.01,
    maxPositions: 10,
    allowedStrategies: names('strategy', 8),
    allowedSymbols: names('SYM', 20),
    oppRankings: Object.fromEntries(names('SYM', rankings).map((symbol) => [symbol, 0.5])),
    modelVersions: Object.fromEntries(names('model', 5).map((model) => [model, '2024.06.1'])),
    systemHealth: { feed: 'ok', latency_ms: 12, venues: { alpha: true, beta: true } },
    customParams: { rebalance_hours: 4 },
  };
}

export const get: Call = {
  path: `${SERVICE}/Get`,
  message: GetRequest.encode(GetRequest.fromPartial({})).finish(),
};

/** Silence is broken by a heartbeat: the longest interval, so that none falls into a measurement. */
export const watch: Call = {
  path: `${SERVICE}/Watch`,
  message: WatchRequest.encode(
    WatchRequest.fromPartial({ delivery: Delivery.PATCHES, heartbeatInterval: { seconds: 60 } }),
  ).finish(),
};

/** Slots that make the same call all the time. */
export function inFlight(count: number, call: Call): Slots {
  return Array.from({ length: count }, () => [call]);
}

/**
 * Changes of one ranking to and fro, so that every one is a change. As the client does it, each has a request id
 * of its own.
 */
export function patches(symbol: string): readonly [Call, Call] {
  return [patch(symbol, 0.25), patch(symbol, 0.75)];
}

/** Slots that patch rankings of their own, spread over all that there are, so that none undoes another. */
export function patchSlots(count: number, rankings: number): Slots {
  const step = rankings / count;
  return Array.from({ length: count }, (_, i) => patches(`SYM${Math.floor(i * step)}`));
}

function patch(symbol: string, score: number): Call {
  const request = PatchRequest.fromPartial({
    patch: PolicyPatch.fromPartial({
      oppRankings: RankingsPatch.fromPartial({ put: new Map([[symbol, score]]) }),
    }),
    requestId: `bench-${UNIQUE}`,
    reason: 'new ranking',
  });
  return { path: `${SERVICE}/Patch`, message: PatchRequest.encode(request).finish() };
}

/** Overrides of one name, each a little tighter than the one before, so that every one is a change. */
export function stops(count: number): readonly Call[] {
  return Array.from({ length: count }, (_, i) => {
    const limits = { globalMinConfidence: 0.9 + (0.1 * i) / count };
    const request = OverrideRequest.fromPartial({ limits, reason: 'drawdown' });
    return { path: `${SERVICE}/Override`, message: OverrideRequest.encode(request).finish() };
  });
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

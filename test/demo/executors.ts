import { setTimeout as pause } from 'node:timers/promises';

import type { Policy } from '@policystore/client';

import { connect, type Participant, type Stage } from './participant.js';
import { Progress } from './progress.js';
import type { PolicyRead } from './record.js';
import { STRATEGIES, SYMBOLS } from './script.js';

interface Signal {
  readonly symbol: string;
  readonly strategy: string;
  readonly confidence: number;
}

/** An executor that asks with Get before it acts on a signal. */
export function startExecutor(stage: Stage, name: string, address: string): Participant<PolicyRead> {
  const seen: PolicyRead[] = [];
  const progress = new Progress();
  return { name, seen, progress, done: trade(stage, name, address, seen, progress) };
}

async function trade(
  { namespace, narrator, over }: Stage,
  name: string,
  address: string,
  seen: PolicyRead[],
  progress: Progress,
): Promise<void> {
  await using client = connect(address, namespace, name);
  narrator.tell(name, `asks ${address} for every signal`);
  while (!over.aborted) {
    const signal = nextSignal();
    const { policy, version } = await client.get();
    const known = seen.at(-1)?.version.revision;
    seen.push({ version, policy, at: performance.now() });
    progress.at(version.revision);
    if (version.revision !== known) {
      const decision = `${signal.symbol} by ${signal.strategy} at ${signal.confidence}: ${decide(policy, signal)}`;
      narrator.tell(name, `decides on revision ${version.revision}: ${decision}`);
    }
    await pause(5 + Math.random() * 30);
  }
}

function nextSignal(): Signal {
  return {
    symbol: pick(SYMBOLS),
    strategy: pick(STRATEGIES),
    confidence: Math.round((0.5 + Math.random() / 2) * 100) / 100,
  };
}

function decide(policy: Policy, { symbol, strategy, confidence }: Signal): string {
  if (!policy.allowedSymbols.includes(symbol)) return `refuses, ${symbol} is not allowed`;
  if (!policy.allowedStrategies.includes(strategy)) return `refuses, ${strategy} is not allowed`;
  if (confidence < policy.globalMinConfidence) return `refuses, needs ${policy.globalMinConfidence}`;
  return `opens, risking ${(policy.maxRiskPerTrade * 100).toFixed(1)} %`;
}

function pick(from: readonly string[]): string {
  return from[Math.floor(Math.random() * from.length)] ?? '';
}

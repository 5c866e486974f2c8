import { setTimeout as pause } from 'node:timers/promises';

import { Executor, type Trade, TradingState } from '@policystore/client';

import type { Proposal } from '../market/signals.js';
import type { Recorder } from '../recorder.js';
import { type Basis, WatchedClient, WatchedPolicy } from './sources.js';
import type { Stage } from './stage.js';

/** Trades what is proposed to it in a minute, as far as the policy allows. */
export interface Trader {
  readonly name: string;
  trade(minute: number, proposals: readonly Proposal[]): Promise<void>;
}

/** How long an order rests before it is filled, in minutes: by turns. */
const RESTS = [1, 2, 3];

/** An executor that holds a live policy. */
export async function startLive(stage: Stage, name: string): Promise<Trader> {
  const live = await stage.listen(stage.connect(Executor.role), name);
  const source = new WatchedPolicy(live);
  return makeTrader(stage, name, new Desk(stage.recorder, name, new Executor(source), source));
}

/** An executor that asks for the policy at each trade. */
export function startUnary(stage: Stage, name: string): Trader {
  const client = stage.open(Executor.role, WatchedClient);
  stage.recorder.readsOf.push(client.readsMs);
  return makeTrader(stage, name, new Desk(stage.recorder, name, new Executor(client), client));
}

/** Has trades authorized, and every decision recorded with what it was made on. */
export class Desk {
  constructor(
    private readonly recorder: Recorder,
    private readonly name: string,
    private readonly executor: Executor,
    private readonly source: { readonly basis: Basis },
  ) {}

  async authorize(trade: Trade): Promise<boolean> {
    const { allowed, reasons, version } = await this.executor.authorize(trade);
    const { view, asOf } = this.source.basis;
    this.recorder.decide({
      executor: this.name,
      trade,
      version,
      overrides: view.policy.overrides,
      isStale: view.isStale || this.executor.lastError !== undefined,
      allowed,
      codes: reasons.map(({ code }) => code),
      asOf,
    });
    return allowed;
  }

  /** As it was decided on last. */
  get isActive(): boolean {
    return this.source.basis.view.tradingState === TradingState.ACTIVE;
  }
}

function makeTrader({ book, minuteMs }: Stage, name: string, desk: Desk): Trader {
  let sent = 0;
  const tend = async (minute: number): Promise<void> => {
    for (const order of book.ordersOf(name)) {
      // What rests was sent before: what may not be sent any more is taken back.
      if (!desk.isActive && (await desk.authorize({ kind: 'cancel' }))) book.cancel(order);
      else if (order.fillsAt <= minute) book.fill(order, minute);
    }
    for (const position of book.dueExits(name, minute)) {
      const { symbol, strategy } = position;
      if (await desk.authorize({ kind: 'exit', symbol, strategy })) book.exit(position);
    }
  };
  const enter = async (minute: number, proposal: Proposal): Promise<void> => {
    const isAllowed = await book.reserve((openPositions) =>
      desk.authorize({ kind: 'entry', ...proposal, openPositions }),
    );
    if (isAllowed) book.send(name, proposal, minute + (RESTS[sent++ % RESTS.length] ?? 1));
  };
  return {
    name,
    trade: async (minute, proposals) => {
      const until = performance.now() + minuteMs;
      await tend(minute);
      for (const [i, proposal] of proposals.entries()) {
        await enter(minute, proposal);
        // Signals come all through the minute, also while somebody trips.
        await pause(Math.max(0, (until - performance.now()) / (proposals.length - i)));
      }
    },
  };
}

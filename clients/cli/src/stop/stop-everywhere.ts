import { PolicyClient, PolicyStoreError } from '@policystore/client';

import { ExitCode, exitCodeOf } from '../exit-codes.js';
import { explain, messageOf } from '../explain.js';
import { durationText } from '../output/text.js';
import { type Session } from '../session.js';
import { Stop, type StopEvents, type StopPlan } from './stop.js';
import { reachedText, stopJson } from './stop-text.js';

/** Puts an override in force at every address, and in every namespace where that is wanted; says who has it. */
export async function stopEverywhere(
  session: Session,
  plan: StopPlan,
  { allNamespaces }: { readonly allNamespaces: boolean },
): Promise<void> {
  const { target, terminal, printer } = session;
  const events: StopEvents = {
    answered({ namespace }, { address, outcome, ms, error }) {
      const { bad, warn, good } = terminal.talkPalette;
      const color = { committed: good, pending: warn, failed: bad }[outcome];
      const why = error ? `: ${messageOf(error)}` : '';
      terminal.tell(`${namespace} at ${address}: ${color(outcome)} after ${durationText(ms)}${why}`);
    },
    reached(stop, reached) {
      if (printer.isForPeople) terminal.print(reachedText(stop, reached, terminal.palette));
    },
  };
  const stops = new Map<string, Stop>();
  const unlisted: PolicyStoreError[] = [];
  await Promise.all(
    target.addresses.map(async (address) => {
      const namespaces = allNamespaces ? await namespacesAt(session, address, unlisted) : [target.namespace];
      await Promise.all(
        namespaces.map((namespace) => {
          const stop = stops.get(namespace) ?? new Stop(namespace, target, plan, events);
          stops.set(namespace, stop);
          return stop.callAt(address);
        }),
      );
    }),
  );
  if (stops.size === 0) {
    throw (
      unlisted[0] ??
      new PolicyStoreError('PERMISSION_DENIED', 'you may see no namespace: nothing was stopped')
    );
  }
  const results = await Promise.all(
    [...stops.values()].map(async (stop) => ({ stop, reached: await stop.reached() })),
  );
  printer.printData({ stops: results.map(({ stop, reached }) => stopJson(stop, reached)) });
  for (const { stop, reached } of results) {
    if (stop.isPending) {
      terminal.tell(
        `${stop.namespace}: pending: in force on the servers that took it and in no store; it ends with them. ` +
          'Repeat it at servers that failed.',
      );
    }
    if (!stop.failure && stop.unvouched.length > 0) {
      terminal.tell(
        `${stop.namespace}: the receipt says nothing of ${stop.unvouched.join(', ')}: refused there, or another store`,
      );
    }
    if (stop.failure) for (const line of explain(stop.failure)) terminal.tell(`${stop.namespace}: ${line}`);
    terminal.exitCode = worse(terminal.exitCode, exitCodeFor(stop, reached?.receipt?.appliedEverywhere));
  }
  if (unlisted.length > 0) terminal.exitCode = worse(terminal.exitCode, ExitCode.NOT_APPLIED);
}

/** An address that cannot say what it has may have more than the others. */
async function namespacesAt(
  { target, terminal }: Session,
  address: string,
  unlisted: PolicyStoreError[],
): Promise<readonly string[]> {
  const client = new PolicyClient({ ...target, addresses: [address] });
  try {
    return await client.namespaces();
  } catch (error) {
    if (!(error instanceof PolicyStoreError)) throw error;
    unlisted.push(error);
    terminal.tell(`${terminal.talkPalette.bad('failed')} at ${address}: ${messageOf(error)}`);
    return [];
  } finally {
    client.close();
  }
}

function exitCodeFor(stop: Stop, appliedEverywhere = false): number {
  if (stop.failure) return exitCodeOf(stop.failure);
  const isWhole = appliedEverywhere && !stop.isPending && stop.unvouched.length === 0;
  return isWhole ? ExitCode.OK : ExitCode.NOT_APPLIED;
}

/** What failed counts more than what did not reach everybody. */
function worse(a: number, b: number): number {
  if (a === ExitCode.OK || b === ExitCode.OK) return Math.max(a, b);
  return Math.min(a, b);
}

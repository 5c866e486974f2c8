import {
  type OverrideInput,
  type Policy,
  PolicyClient,
  PolicyStoreError,
  RiskMode,
  type Version,
  View,
} from '@policystore/client';

import type { closeAfterAll } from './closing.js';
import { until } from './process.js';
import { type RecordedWatch, recordWatch } from './recorded-watch.js';
import { rejection } from './rejection.js';

export type StepName = 'morning' | 'ban' | 'trip' | 'routine' | 'add' | 'restore' | 'rollback';

/** What everybody saw right after a step. */
export interface Step {
  readonly version: Version;
  /** From Get, one of each replica. */
  readonly effective: readonly Policy[];
  readonly base: readonly Policy[];
}

/** A day on which trading was stopped, as it was seen on every replica. */
export interface Story {
  /** In the order in which they were taken. */
  readonly steps: ReadonlyMap<StepName, Step>;
  /** One of each replica. */
  readonly clients: readonly PolicyClient[];
  readonly patches: readonly RecordedWatch[];
  readonly snapshots: readonly RecordedWatch[];
  /** What the routine write was told that an override hides. */
  readonly masked: readonly string[];
  /** What came of writing back what was read while it was masked, and the versions around that. */
  readonly refusals: readonly PolicyStoreError[];
  readonly aroundRefusals: readonly [before: Version, after: Version];
}

export const MORNING = {
  riskMode: RiskMode.NORMAL,
  allowedStrategies: ['trend', 'carry'],
  allowedSymbols: ['BTCUSDT', 'ETHUSDT', 'DOGEUSDT'],
  maxPositions: 8,
};
export const TWO_HOURS_MS = 7_200_000;

/** A stop and a ban over routine writes; then the stop is restored and the routine writes are rolled back. */
export async function playStory(
  keep: ReturnType<typeof closeAfterAll>,
  namespace: string,
  addresses: readonly string[],
): Promise<Story> {
  const clientOf = (name: string, at: string | readonly string[] = addresses): PolicyClient =>
    keep(new PolicyClient({ addresses: at, namespace, name }), (it) => {
      it.close();
    });
  const officer = clientOf('risk_officer');
  const controller = clientOf('msc_ai');
  const desk = clientOf('operator');
  const clients = addresses.map((address) => clientOf('executor', address));
  const beginning = await desk.get({ fresh: true });
  const patches = clients.map((client) => recordWatch(client.watch()));
  const snapshots = clients.map((client) => recordWatch(client.watch({ delivery: 'snapshots' })));
  const reached = ({ revision }: Version) =>
    Promise.all([...patches, ...snapshots].map((watch) => watch.reach(revision)));
  await reached(beginning.version);

  const steps = new Map<StepName, Step>();
  const look = async (step: StepName, { version }: { version: Version }): Promise<void> => {
    await reached(version);
    const read = (view: View) =>
      Promise.all(clients.map(async (client) => (await client.get({ view, minVersion: version })).policy));
    steps.set(step, { version, effective: await read(View.EFFECTIVE), base: await read(View.BASE) });
  };

  /** A store that takes its time makes an override pending first: resolves when it is committed. */
  const impose = async (override: OverrideInput): Promise<{ version: Version }> => {
    await officer.override(override);
    let current = await officer.get();
    await until(async () => {
      current = await officer.get({ fresh: true });
      return current.policy.overrides.every(({ pending }) => !pending);
    });
    return current;
  };

  const morning = await desk.update(MORNING, { reason: 'the plan of the day' });
  await look('morning', morning);
  const limits = { blockSymbols: ['DOGEUSDT'] };
  const ban = { name: 'doge-ban', limits, reason: 'delisting rumour', ttlMs: TWO_HOURS_MS };
  await look('ban', await impose(ban));
  await look('trip', await impose({ reason: 'flash crash' }));
  const routine = await controller.patch(
    { riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 },
    { reason: 'calm regime' },
  );
  await look('routine', routine);

  const { policy: read, version: before } = await controller.get();
  const { allowedStrategies, allowedSymbols } = read;
  const refusals: PolicyStoreError[] = [];
  for (const write of [
    () => controller.patch({ allowedStrategies }),
    () => controller.patch({ allowedStrategies: [...allowedStrategies, 'scalp'] }),
    () => controller.patch({ allowedSymbols }),
    () => controller.update(read),
  ]) {
    refusals.push(await rejection(write(), PolicyStoreError));
  }
  const { version: after } = await controller.get({ fresh: true });

  await look('add', await controller.patch({ allowedStrategies: { add: ['scalp'] } }));
  await look('restore', await officer.restore(undefined, { reason: 'the exchange is back' }));
  await look('rollback', await desk.rollback(morning.version.revision, { reason: 'back to the plan' }));
  return {
    ...{ steps, clients, patches, snapshots },
    ...{ masked: routine.maskedFields, refusals, aroundRefusals: [before, after] },
  };
}

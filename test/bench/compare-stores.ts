import type { Bench } from './bench.js';
import { interleave, type Side } from './measure/interleave.js';
import type { Sample } from './measure/sample.js';
import { type ChangeCheck, expectChanges } from './peers/expect-changes.js';
import type { ServerProcess } from './peers/server-process.js';
import type { Store } from './peers/stores.js';
import { type Metric, missingRow, type Row, row } from './report/row.js';
import { Stage } from './stage.js';

/** What is measured on each of several stores. */
export interface StoreComparison<Id extends string> {
  /** The ids of its rows are ID.STORE.LOAD.METRIC. */
  readonly id: string;
  readonly loads: readonly Load<Id>[];
  readonly prepare: (stage: Stage, url: string) => Promise<Prepared<Id>>;
}

export interface Load<Id extends string> {
  readonly id: Id;
  /** What it measures on any store. */
  readonly title: string;
  readonly metrics: readonly Metric[];
}

/** The servers on one store, ready to be measured. */
export interface Prepared<Id extends string> {
  /** All changes go through it. */
  readonly server: ServerProcess;
  readonly sides: Readonly<Record<Id, Side>>;
}

interface Measured {
  readonly store: Store;
  readonly load: Load<string>;
  readonly samples: readonly Sample[];
}

/** Measures patches on several stores in the same rounds, and compares all with the first that is installed. */
export function compareStores<Id extends string>(
  bench: Bench,
  stores: readonly Store[],
  { id, loads, prepare }: StoreComparison<Id>,
): Promise<Row[]> {
  return Stage.set(bench, async (stage) => {
    const prepared = new Map<Store, Prepared<Id>>();
    for (const store of stores.filter(({ missing }) => missing === undefined)) {
      const { url } = await stage.start(store.start());
      prepared.set(store, await prepare(stage, url));
    }
    const measured = await measure(bench, loads, prepared);
    return stores.flatMap((store) => rowsOf(store, id, loads, measured));
  });
}

async function measure<Id extends string>(
  { extent }: Bench,
  loads: readonly Load<Id>[],
  prepared: ReadonlyMap<Store, Prepared<Id>>,
): Promise<Measured[]> {
  // A load on every store, then the next load: what is compared are neighbours.
  const cases = loads.flatMap((load) =>
    [...prepared].map(([store, { sides }]) => ({ store, load, side: sides[load.id] })),
  );
  const checks = new Map<Store, ChangeCheck>();
  for (const [store, { server }] of prepared) checks.set(store, await expectChanges(server));
  const samples = await interleave(
    extent.fewRounds,
    cases.map(({ side }) => side),
  );
  const measured = cases.map(({ store, load }, i) => ({ store, load, samples: samples[i] ?? [] }));
  for (const [store, check] of checks) {
    await check(measured.flatMap((each) => (each.store === store ? each.samples : [])));
  }
  return measured;
}

function rowsOf(
  store: Store,
  id: string,
  loads: readonly Load<string>[],
  measured: readonly Measured[],
): Row[] {
  if (store.missing !== undefined) {
    const note = `not installed: ${store.missing}`;
    return loads.map((load) => missingRow(`${id}.${store.id}.${load.id}`, title(store, load), note));
  }
  return measured
    .filter((each) => each.store === store)
    .flatMap(({ load, samples }) => {
      const first = measured.find((each) => each.load === load);
      const against =
        first && first.store !== store ? { reference: first.store.name, samples: first.samples } : undefined;
      return load.metrics.map((metric) =>
        row(`${id}.${store.id}.${load.id}`, title(store, load), metric, samples, against),
      );
    });
}

function title(store: Store, load: Load<string>): string {
  return `Patch on ${store.name}, ${load.title}`;
}

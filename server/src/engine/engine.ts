import { type Clock, systemClock } from '../clock.js';
import { admitted, permit, readable } from './access/admit.js';
import { type NamespaceOptions, ServedNamespace } from './namespace.js';
import type { Engine } from './types.js';

export interface EngineOptions extends Omit<NamespaceOptions, 'namespace' | 'clock'> {
  readonly namespaces: readonly string[];
  readonly clock?: Clock;
}

/** Serves the namespaces over one store, and keeps trying while the store is away. */
export function createEngine({ namespaces, clock = systemClock, ...rest }: EngineOptions): Engine {
  const { access } = rest;
  const served = new Map(
    namespaces.map((namespace) => [namespace, new ServedNamespace({ ...rest, namespace, clock })]),
  );
  const started = [...served.values()].map((namespace) => namespace.start());
  return {
    namespaces: [...served.values()],
    ready: Promise.all(started).then(() => undefined),
    permit(identity, right) {
      permit(access, identity, right);
    },
    readable: (identity) => readable(served.keys(), access, identity),
    namespace: (name, identity, right) => admitted(served, access, { name, identity, right }),
    async close() {
      await Promise.all([...served.values()].map((namespace) => namespace.close()));
    },
  };
}

import { type Clock, systemClock } from '../clock.js';
import { PolicyError } from '../errors.js';
import { type NamespaceOptions, ServedNamespace } from './namespace.js';
import type { Engine } from './types.js';

export interface EngineOptions extends Omit<NamespaceOptions, 'namespace' | 'clock'> {
  readonly namespaces: readonly string[];
  readonly clock?: Clock;
}

/** Serves the namespaces over one store, and keeps trying while the store is away. */
export function createEngine({ namespaces, clock = systemClock, ...rest }: EngineOptions): Engine {
  const served = new Map(
    namespaces.map((namespace) => [namespace, new ServedNamespace({ ...rest, namespace, clock })]),
  );
  const started = [...served.values()].map((namespace) => namespace.start());
  return {
    namespaces: [...served.values()],
    ready: Promise.all(started).then(() => undefined),
    namespace(name) {
      const namespace = served.get(name);
      if (namespace !== undefined) return namespace;
      throw unknownNamespace(name, namespaces);
    },
    async close() {
      await Promise.all([...served.values()].map((namespace) => namespace.close()));
    },
  };
}

export function unknownNamespace(name: string, known: readonly string[]): PolicyError {
  return new PolicyError(
    'NAMESPACE_UNKNOWN',
    `there is no namespace ${JSON.stringify(name)}; this server has ${known.join(', ')}`,
  );
}

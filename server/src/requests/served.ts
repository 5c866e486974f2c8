import type { NamespaceRight } from '../domain/access/rights.js';
import type { Engine, Identity, Namespace } from '../engine/types.js';

/** The part of an engine that calls need. */
export type NamespaceFinder = Pick<Engine, 'namespace'>;

/** What the calls of a server are made to. */
export type Served = Pick<Engine, 'namespace' | 'permit'>;

/** @throws PolicyError PERMISSION_DENIED, NAMESPACE_UNKNOWN */
export function namespaceOf(
  engine: NamespaceFinder,
  request: { readonly namespace: string },
  identity: Identity,
  right: NamespaceRight = 'read',
): Namespace {
  return engine.namespace(request.namespace === '' ? 'default' : request.namespace, identity, right);
}

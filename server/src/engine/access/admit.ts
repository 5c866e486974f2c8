import type { NamespaceRight, ServerRight } from '../../domain/access/rights.js';
import { PolicyError } from '../../errors.js';
import type { Identity } from '../types.js';
import type { Access } from './access.js';
import { lacking } from './denied.js';

/** @throws PolicyError PERMISSION_DENIED for a call to the server as a whole. */
export function permit(access: Access, identity: Identity, right: ServerRight): void {
  if (!access.rightsAnywhere(identity)[right]) throw lacking(right, { access, identity });
}

/** A call to a namespace, as far as it can be judged before it is looked at. */
export interface Visit {
  readonly name: string;
  readonly identity: Identity;
  readonly right: NamespaceRight;
}

/**
 * The namespace of a call. Who may not read it is not told whether there is one, and who asks for one that there is not
 * hears only of those that it may read.
 * @throws PolicyError PERMISSION_DENIED, NAMESPACE_UNKNOWN.
 */
export function admitted<Served extends object>(
  served: ReadonlyMap<string, Served>,
  access: Access,
  { name, identity, right }: Visit,
): Served {
  const rights = access.rightsOf(identity, name);
  const namespace = served.get(name);
  if (namespace !== undefined && rights[right]) return namespace;
  if (!rights.read) throw lacking('read', { access, identity, namespace: name });
  if (namespace !== undefined) throw lacking(right, { access, identity, namespace: name });
  const known = readable(served.keys(), access, identity);
  const has = known.length === 0 ? 'none that you may read' : known.join(', ');
  throw new PolicyError(
    'NAMESPACE_UNKNOWN',
    `there is no namespace ${JSON.stringify(name)}; this server has ${has}`,
  );
}

/** Those namespaces that an identity may read. */
export function readable(names: Iterable<string>, access: Access, identity: Identity): string[] {
  return [...names].filter((name) => access.rightsOf(identity, name).read);
}

import type { Refused } from '../../domain/access/refused.js';
import type { NamespaceRight, ServerRight } from '../../domain/access/rights.js';
import { shown } from '../../domain/violation.js';
import { PolicyError } from '../../errors.js';
import type { Identity } from '../types.js';
import type { Access } from './access.js';

/** Of the names of roles at one place, so that a refusal of every field stays small enough for its call. */
const MAX_ROLES_TEXT = 160;

/** Who is refused, and where; without a namespace, at the server as a whole. */
export interface Place {
  readonly access: Access;
  readonly identity: Identity;
  readonly namespace?: string;
}

/** A refusal of all parts of a change that its author may not make, each with the roles that could. */
export function denied(place: Place, refused: readonly Refused[]): PolicyError {
  const { access } = place;
  const parts = refused.map(({ what, allows }) => `${what} (${rolesText(access.rolesThat(allows))})`);
  const violations = refused.map(({ field }, i) => ({ field, description: `you may not ${parts[i] ?? ''}` }));
  return new PolicyError('PERMISSION_DENIED', textOf(place, parts.join(', nor ')), {
    violations,
    metadata: {
      ...factsOf(place),
      fields: [...new Set(refused.map(({ field }) => field))].join(','),
      roles: listed(access.rolesThat((rights) => refused.every(({ allows }) => allows(rights)))),
    },
  });
}

const CALLS: Readonly<Record<NamespaceRight | ServerRight, string>> = {
  read: 'read the policy',
  history: 'read the history',
  fleet: 'ask who runs what',
  reflection: 'ask what this server speaks',
  metrics: 'read the metrics',
};

/** A refusal of a call that needs one right. */
export function lacking(right: NamespaceRight | ServerRight, place: Place): PolicyError {
  const roles = place.access.rolesThat((rights) => rights[right]);
  return new PolicyError('PERMISSION_DENIED', textOf(place, `${CALLS[right]} (${rolesText(roles)})`), {
    metadata: { ...factsOf(place), roles: listed(roles) },
  });
}

function textOf({ identity, namespace }: Place, what: string): string {
  const where = namespace === undefined ? '' : ` in namespace ${shown(namespace)}`;
  return `${shown(identity.name)} may not${where}: ${what}`;
}

function factsOf({ identity, namespace }: Place): Record<string, string> {
  return { identity: identity.name, ...(namespace !== undefined && { namespace }) };
}

function rolesText(roles: readonly string[]): string {
  if (roles.length === 0) return 'no role may';
  return `roles that may: ${listed(roles, ', ')}`;
}

/** As many of the names as fit, whole, and how many there are besides. */
function listed(roles: readonly string[], separator = ','): string {
  let fitting = 0;
  for (let size = 0; fitting < roles.length; fitting += 1) {
    size += (roles[fitting]?.length ?? 0) + separator.length;
    if (size > MAX_ROLES_TEXT) break;
  }
  const more = roles.length - fitting;
  return [...roles.slice(0, fitting), ...(more > 0 ? [`… ${String(more)} more`] : [])].join(separator);
}

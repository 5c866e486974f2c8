import { joinRights, NO_RIGHTS, type Rights } from './rights.js';
import { limited, type LimitsSpec, type Roles } from './roles.js';

/** Who may do what, as the access file says. */
export interface AccessRules {
  rightsOf(identity: string, namespace: string): Rights;
  /** What it may do in any namespace, and so with the server as a whole. */
  rightsAnywhere(identity: string): Rights;
  /** The names of the roles with such rights. */
  rolesThat(may: (rights: Rights) => boolean): string[];
}

/** A role that an identity has; without namespaces, in all of them. */
export interface Grant {
  readonly role: string;
  readonly namespaces?: readonly string[] | undefined;
}

export interface IdentityGrants {
  readonly roles: readonly Grant[];
  readonly limits?: LimitsSpec | undefined;
}

/** Where who put an override in force must not restore it: everywhere, or in these namespaces. */
export type FourEyes = boolean | readonly string[];

/** What one entry of the file comes to. */
interface Entry {
  /** In the namespaces that are named somewhere. */
  readonly named: ReadonlyMap<string, Rights>;
  readonly elsewhere: Rights;
  readonly anywhere: Rights;
}

/** How many names that only a pattern or nothing stands for are remembered: tokens may bring ever new ones. */
const MAX_REMEMBERED = 10_000;

const NOTHING: Entry = { named: new Map(), elsewhere: NO_RIGHTS, anywhere: NO_RIGHTS };

/**
 * @param identities By name. A name that ends with `*` stands for all that begin so; the exact name wins, then the longest.
 */
export function createAccessRules(
  roles: Roles,
  identities: ReadonlyMap<string, IdentityGrants>,
  fourEyes: FourEyes = false,
): AccessRules {
  const exact = new Map<string, Entry>();
  const patterns: { readonly prefix: string; readonly entry: Entry }[] = [];
  for (const [name, grants] of identities) {
    const entry = entryOf(roles, grants, fourEyes);
    if (name.endsWith('*')) patterns.push({ prefix: name.slice(0, -1), entry });
    else exact.set(name, entry);
  }
  patterns.sort((a, b) => b.prefix.length - a.prefix.length);
  const remembered = new Map<string, Entry>();
  const find = (name: string): Entry => {
    const known = exact.get(name) ?? remembered.get(name);
    if (known !== undefined) return known;
    const entry = patterns.find(({ prefix }) => name.startsWith(prefix))?.entry ?? NOTHING;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(name, entry);
    return entry;
  };
  return {
    rightsOf(identity, namespace) {
      const { named, elsewhere } = find(identity);
      return named.get(namespace) ?? elsewhere;
    },
    rightsAnywhere: (identity) => find(identity).anywhere,
    rolesThat: (may) => [...roles].filter(([, rights]) => may(rights)).map(([name]) => name),
  };
}

function entryOf(roles: Roles, { roles: grants, limits }: IdentityGrants, fourEyes: FourEyes): Entry {
  const rightsWhere = (holds: (grant: Grant) => boolean): Rights => {
    const held = grants.filter(holds).map(({ role }) => roles.get(role) ?? NO_RIGHTS);
    return limited(held.reduce(joinRights, NO_RIGHTS), limits);
  };
  const rightsIn = (namespace: string | undefined): Rights => {
    const rights = rightsWhere(
      ({ namespaces }) =>
        namespaces === undefined || (namespace !== undefined && namespaces.includes(namespace)),
    );
    const needsAnother =
      typeof fourEyes === 'boolean' ? fourEyes : namespace !== undefined && fourEyes.includes(namespace);
    return needsAnother ? { ...rights, restoreOwn: false } : rights;
  };
  const names = new Set([
    ...grants.flatMap(({ namespaces }) => namespaces ?? []),
    ...(typeof fourEyes === 'boolean' ? [] : fourEyes),
  ]);
  return {
    named: new Map(Array.from(names, (name) => [name, rightsIn(name)])),
    elsewhere: rightsIn(undefined),
    anywhere: rightsWhere(() => true),
  };
}

import type { AccessRules } from '../../domain/access/access-rules.js';
import { ALL_RIGHTS, type Rights } from '../../domain/access/rights.js';
import type { Identity } from '../types.js';

/** Who may do what, as it is at the moment of each question. */
export interface Access {
  /** A lookup, cheap enough for every call. */
  rightsOf(identity: Identity, namespace: string): Rights;
  /** What it may do in any namespace, and so with the server as a whole. */
  rightsAnywhere(identity: Identity): Rights;
  /** The names of the roles with such rights, for who is refused. */
  rolesThat(may: (rights: Rights) => boolean): readonly string[];
  /** Calls `listener` whenever others may do other things. The result stops that. */
  onChange(listener: () => void): () => void;
}

/** Everybody may do everything: nobody's identity is checked. */
export const unrestrictedAccess: Access = {
  rightsOf: () => ALL_RIGHTS,
  rightsAnywhere: () => ALL_RIGHTS,
  rolesThat: () => [],
  onChange: () => () => undefined,
};

/** Rules that may be replaced by others. */
export interface AccessSource {
  readonly current: { readonly rules: AccessRules };
  onChange(listener: () => void): () => void;
}

export function createAccess(source: AccessSource): Access {
  return {
    rightsOf: ({ name }, namespace) => source.current.rules.rightsOf(name, namespace),
    rightsAnywhere: ({ name }) => source.current.rules.rightsAnywhere(name),
    rolesThat: (may) => source.current.rules.rolesThat(may),
    onChange: (listener) => source.onChange(listener),
  };
}

import { problemsText, readSource } from '../policy-file.js';
import { type Finding, shown } from '../violation.js';
import { checkAccessForm, hint } from './access-form.js';
import {
  type AccessRules,
  createAccessRules,
  type FourEyes,
  type Grant,
  type IdentityGrants,
} from './access-rules.js';
import { BUILT_IN, type LimitsSpec, RoleProblem, type Roles, resolveRoles, type RoleSpec } from './roles.js';

/** The access file, once its form was checked. */
interface AccessJson {
  readonly roles?: Readonly<Record<string, RoleSpec>>;
  readonly identities?: Readonly<Record<string, IdentityJson>>;
  readonly four_eyes?: FourEyes;
}

interface IdentityJson {
  readonly roles: readonly (string | Grant)[];
  readonly limits?: LimitsSpec;
}

/** What is told of a file that was read. */
export interface AccessFile {
  readonly rules: AccessRules;
  /** The roles that the file defines, and the identities. */
  readonly roles: readonly string[];
  readonly identities: readonly string[];
  /** The namespaces that it names, each once. */
  readonly namespaces: readonly string[];
}

/** The actor of what the server does by itself. */
const RESERVED = 'system';

/**
 * Who may do what, from the text of a YAML or JSON file.
 * @param source the name of the file, for errors.
 * @throws Error with every problem on a line of its own: file, line, key, rule.
 */
export function parseAccess(text: string, source: string): AccessFile {
  const file = readSource(text, source);
  const refuse = (findings: readonly Finding[]): never => {
    throw new Error(problemsText(findings, file, source, 'the file'));
  };
  const malformed = checkAccessForm(file.value);
  if (malformed.length > 0) return refuse(malformed);
  const { roles = {}, identities = {}, four_eyes } = file.value as AccessJson;
  const known = [...new Set([...BUILT_IN.keys(), ...Object.keys(roles)])];
  const findings = [
    ...Object.entries(roles).flatMap(([name, { extends: parents = [] }]) =>
      unknownRoles(parents, known, (i) => ['roles', name, 'extends', i]),
    ),
    ...Object.entries(identities).flatMap(([name, { roles: grants }]) => [
      ...checkName(name),
      ...unknownRoles(grants.map(roleOf), known, (i) => {
        const path = ['identities', name, 'roles', i];
        return typeof grants[i] === 'string' ? path : [...path, 'role'];
      }),
    ]),
  ];
  if (findings.length > 0) return refuse(findings);
  const resolved = resolve(new Map(Object.entries(roles)), refuse);
  const granted = Object.entries(identities).map(
    ([name, { roles: grants, limits }]) => [name, { roles: grants.map(grantOf), limits }] as const,
  );
  return {
    rules: createAccessRules(resolved, new Map(granted), four_eyes),
    roles: Object.keys(roles),
    identities: Object.keys(identities),
    namespaces: [...new Set(namedNamespaces(granted, four_eyes))],
  };
}

function namedNamespaces(
  identities: readonly (readonly [name: string, grants: IdentityGrants])[],
  fourEyes: FourEyes = false,
): string[] {
  const granted = identities.flatMap(([, { roles }]) => roles.flatMap(({ namespaces = [] }) => namespaces));
  return [...granted, ...(typeof fourEyes === 'boolean' ? [] : fourEyes)];
}

function resolve(
  roles: ReadonlyMap<string, RoleSpec>,
  refuse: (findings: readonly Finding[]) => never,
): Roles {
  try {
    return resolveRoles(roles);
  } catch (error) {
    if (!(error instanceof RoleProblem)) throw error;
    return refuse([{ path: ['roles', error.role, 'extends', error.index], description: error.message }]);
  }
}

function checkName(name: string): Finding[] {
  const path = ['identities', name];
  if (name === RESERVED) {
    return [{ path, description: 'is what the server calls itself: no identity may have that name' }];
  }
  const star = name.indexOf('*');
  if (star < 0 || star === name.length - 1) return [];
  return [{ path, description: 'may have a * only at its end, where it stands for whatever follows' }];
}

function unknownRoles(
  names: readonly string[],
  known: readonly string[],
  pathOf: (index: number) => Finding['path'],
): Finding[] {
  return names.flatMap((name, i) =>
    known.includes(name)
      ? []
      : [{ path: pathOf(i), description: `there is no role ${shown(name)}: ${hint(name, known)}` }],
  );
}

function roleOf(grant: string | Grant): string {
  return typeof grant === 'string' ? grant : grant.role;
}

function grantOf(grant: string | Grant): Grant {
  return typeof grant === 'string' ? { role: grant } : grant;
}

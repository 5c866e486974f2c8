import type { Config } from './config/config.js';

const PACKAGE = 'quantumtrader.policy.v1';

/** Commands for a shell that send a request to a running server; a method of another service than PolicyService names it. */
export interface Commands {
  readonly buf: (method: string, request: object) => string;
  /** What there is to call. */
  readonly bufList: string;
  readonly grpcurl: (method: string, request: object) => string;
}

/** How to reach a server, for who has a shell. */
export interface Calling {
  readonly address: string;
  readonly encrypted: boolean;
  /** Whether callers have to prove who they are. */
  readonly authenticates: boolean;
}

export function callingOf(
  { tls, authenticates }: Pick<Config, 'tls' | 'authenticates'>,
  address: string,
): Calling {
  return { address, encrypted: tls !== undefined, authenticates };
}

/** What a shell is told of the caller: variables that the clients read as well, so that no command holds a secret. */
const AUTHORIZATION = `-H "authorization: Bearer $POLICY_TOKEN"`;
const AUTHORITY = '"$POLICY_TLS_CA"';

export function commandsFor({ address, encrypted, authenticates }: Calling): Commands {
  const target = reachable(address);
  const proof = authenticates ? `${AUTHORIZATION} ` : '';
  const buf = `npx buf curl --protocol grpc ${encrypted ? `--cacert ${AUTHORITY}` : '--http2-prior-knowledge'} ${proof}`;
  const origin = `${encrypted ? 'https' : 'http'}://${target}`;
  return {
    buf: (method, request) => `${buf}-d '${JSON.stringify(request)}' ${origin}/${pathOf(method)}`,
    bufList: `${buf}--list-methods ${origin}`,
    grpcurl: (method, request) =>
      `grpcurl ${encrypted ? `-cacert ${AUTHORITY}` : '-plaintext'} ${proof}-d '${JSON.stringify(request)}' ` +
      `${target} ${pathOf(method)}`,
  };
}

/** What a person reads when the server is ready: where, and what to try, as commands that work as printed. */
export function welcome(calling: Calling, namespaces: readonly string[]): string {
  const { buf, bufList, grpcurl } = commandsFor(calling);
  const target = namespaces.includes('default') ? {} : { namespace: namespaces[0] };
  const patch = { ...target, patch: { max_positions: 12 }, reason: 'trying it out' };
  return [
    '',
    `PolicyStore serves gRPC on ${calling.address}`,
    ...(calling.encrypted ? ['POLICY_TLS_CA is the file of the authority that issued its certificate.'] : []),
    ...(calling.authenticates ? ['POLICY_TOKEN is a token: policy-server token create --help'] : []),
    '',
    'In this directory: read the policy, watch it in a second terminal (Ctrl-C ends it), change it in a third:',
    '',
    `  ${buf('Get', target)}`,
    `  ${buf('Watch', target)}`,
    `  ${buf('Patch', patch)}`,
    '',
    'Stop all new positions, give them back, and see who did what and why:',
    '',
    `  ${buf('Override', { ...target, reason: 'flash crash' })}`,
    `  ${buf('Restore', { ...target, reason: 'it is over' })}`,
    `  ${buf('HistoryService/ListChanges', target)}`,
    '',
    'Reading and changing with grpcurl, which also explains errors:',
    '',
    `  ${grpcurl('Get', target)}`,
    `  ${grpcurl('Watch', target)}`,
    `  ${grpcurl('Patch', patch)}`,
    '',
    `What there is to call: ${bufList}`,
    '',
    '',
  ].join('\n');
}

function pathOf(method: string): string {
  return `${PACKAGE}.${method.includes('/') ? method : `PolicyService/${method}`}`;
}

function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, '127.0.0.1');
}

import type { Config } from './config/config.js';

const PACKAGE = 'quantumtrader.policy.v1';
/** Where policyctl looks when it is told nothing. */
const USUAL_ADDRESS = '127.0.0.1:50051';

/** Commands for a shell that send a request to a running server; a method of another service than PolicyService names it. */
export interface Commands {
  readonly buf: (method: string, request: object) => string;
  /** What there is to call. */
  readonly bufList: string;
  readonly grpcurl: (method: string, request: object) => string;
  /** A command of policyctl with its arguments, each safe in a shell. */
  readonly ctl: (command: string) => string;
  /** GET of a path on the HTTP port. */
  readonly curl: (httpAddress: string, path: string) => string;
}

/** How to reach a server, for who has a shell. */
export interface Calling {
  readonly address: string;
  readonly encrypted: boolean;
  /** By what callers prove who they are. Undefined: they need not. */
  readonly proof: 'token' | 'certificate' | undefined;
}

export function callingOf({ tls, auth }: Pick<Config, 'tls' | 'auth'>, address: string): Calling {
  const takesTokens = auth.tokensPath !== undefined || auth.jwt !== undefined;
  const proof = takesTokens ? 'token' : auth.certificates ? 'certificate' : undefined;
  return { address, encrypted: tls !== undefined, proof };
}

/** By variables that our clients read as well, so that no command holds a secret; `dash` begins a flag. */
function credentialFlags(proof: Calling['proof'], dash: '-' | '--'): string {
  switch (proof) {
    case 'token':
      return '-H "authorization: Bearer $POLICY_TOKEN" ';
    case 'certificate':
      return `${dash}cert "$POLICY_CLIENT_CERT" ${dash}key "$POLICY_CLIENT_KEY" `;
    case undefined:
      return '';
  }
}

export function commandsFor({ address, encrypted, proof }: Calling): Commands {
  const target = reachable(address);
  const origin = originOf({ encrypted }, address);
  const security = encrypted ? '--cacert "$POLICY_TLS_CA"' : '--http2-prior-knowledge';
  // buf asks what the server speaks without the token, unless told otherwise.
  const reflection = proof === 'token' ? "--reflect-header '*' " : '';
  const buf = `npx buf curl --protocol grpc ${security} ${credentialFlags(proof, '--')}${reflection}`;
  const curl = `curl ${encrypted ? `${security} ` : ''}${credentialFlags(proof, '--')}`;
  const grpcurl = `grpcurl ${encrypted ? '-cacert "$POLICY_TLS_CA"' : '-plaintext'} ${credentialFlags(proof, '-')}`;
  return {
    buf: (method, request) => `${buf}-d '${JSON.stringify(request)}' ${origin}/${pathOf(method)}`,
    bufList: `${buf}--list-methods ${origin}`,
    grpcurl: (method, request) => `${grpcurl}-d '${JSON.stringify(request)}' ${target} ${pathOf(method)}`,
    ctl: (command) => `npx policyctl ${target === USUAL_ADDRESS ? '' : `--addr ${target} `}${command}`,
    curl: (httpAddress, path) => `${curl}${originOf({ encrypted }, httpAddress)}${path}`,
  };
}

/** What a person reads when the server is ready: where, and what to try, as commands that work as printed. */
export function welcome(
  calling: Calling,
  namespaces: readonly string[],
  httpAddress: string | undefined,
): string {
  const { buf, bufList, grpcurl, ctl, curl } = commandsFor(calling);
  const [first = 'default'] = namespaces;
  const usual = namespaces.includes('default');
  const target = usual ? {} : { namespace: first };
  const flag = usual ? '' : ` --namespace ${first}`;
  const query = usual ? '' : `?namespace=${first}`;
  const patch = { ...target, patch: { max_positions: 12 }, reason: 'trying it out' };
  return [
    '',
    `PolicyStore serves gRPC on ${calling.address}`,
    ...(httpAddress === undefined ? [] : [`Console and REST: ${originOf(calling, httpAddress)}/`]),
    ...variablesFor(calling),
    '',
    'In this directory: look, watch in a second terminal (Ctrl-C ends it), change something in a third:',
    '',
    `  ${ctl(`status${flag}`)}`,
    `  ${ctl(`watch${flag}`)}`,
    `  ${ctl(`patch max_positions=3 --reason 'trying it out'${flag}`)}`,
    '',
    'Stop all new positions, give them back, and see who did what and why:',
    '',
    `  ${ctl(`trip --reason 'flash crash'${flag}`)}`,
    `  ${ctl(`restore --yes --reason 'it is over'${flag}`)}`,
    `  ${ctl(`history${flag}`)}`,
    '',
    'What programs send, over HTTP and over gRPC:',
    '',
    ...(httpAddress === undefined ? [] : [`  ${curl(httpAddress, `/api/policy${query}`)}`]),
    `  ${buf('Get', target)}`,
    `  ${buf('Patch', patch)}`,
    '',
    'With grpcurl, which also explains errors:',
    '',
    `  ${grpcurl('Get', target)}`,
    `  ${grpcurl('Patch', patch)}`,
    '',
    `What there is to call: ${bufList}`,
    '',
    '',
  ].join('\n');
}

function originOf({ encrypted }: Pick<Calling, 'encrypted'>, address: string): string {
  return `${encrypted ? 'https' : 'http'}://${reachable(address)}`;
}

function pathOf(method: string): string {
  return `${PACKAGE}.${method.includes('/') ? method : `PolicyService/${method}`}`;
}

function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, '127.0.0.1');
}

function variablesFor({ encrypted, proof }: Calling): readonly string[] {
  const files = {
    token:
      'POLICY_TOKEN must hold the token of an operator: npx policy-server token create --help, docs/access.md',
    certificate:
      'POLICY_CLIENT_CERT and POLICY_CLIENT_KEY must be the files of the certificate of an operator and its key: docs/access.md',
  };
  return [
    encrypted ? ['POLICY_TLS_CA must be the file of the authority of its certificate'] : [],
    proof === undefined ? [] : [files[proof]],
  ].flat();
}

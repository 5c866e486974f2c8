const PACKAGE = 'quantumtrader.policy.v1';

/** Commands for a shell that send a request to a running server; a method of another service than PolicyService names it. */
export interface Commands {
  readonly buf: (method: string, request: object) => string;
  readonly grpcurl: (method: string, request: object) => string;
}

export function commandsFor(address: string): Commands {
  const target = reachable(address);
  return {
    buf: (method, request) =>
      `npx buf curl --protocol grpc --http2-prior-knowledge -d '${JSON.stringify(request)}' ` +
      `http://${target}/${pathOf(method)}`,
    grpcurl: (method, request) =>
      `grpcurl -plaintext -d '${JSON.stringify(request)}' ${target} ${pathOf(method)}`,
  };
}

/** What a person reads when the server is ready: where, and what to try, as commands that work as printed. */
export function welcome(address: string, namespaces: readonly string[]): string {
  const { buf, grpcurl } = commandsFor(address);
  const target = namespaces.includes('default') ? {} : { namespace: namespaces[0] };
  const patch = { ...target, patch: { max_positions: 12 }, reason: 'trying it out' };
  return [
    '',
    `PolicyStore serves gRPC on ${address}`,
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
    'What there is to call: ' +
      `npx buf curl --protocol grpc --http2-prior-knowledge --list-methods http://${reachable(address)}`,
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

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** @param setting Which one to change, and an example. */
export function listenError(address: string, cause: Error, setting: string): ListenError {
  return new ListenError(explain(address, cause.message, `set ${setting}`), { cause });
}

function explain(address: string, message: string, mend: string): string {
  if (message.includes('EADDRINUSE')) {
    return `cannot listen on ${address}: another process holds the port; stop it or ${mend}`;
  }
  if (message.includes('EACCES')) return `cannot listen on ${address}: no right to use the port; ${mend}`;
  if (message.includes('EADDRNOTAVAIL') || message.includes('ENOTFOUND') || message.includes('resol')) {
    return `cannot listen on ${address}: this machine does not have that address; ${mend}`;
  }
  return `cannot listen on ${address}: ${message}; ${mend}`;
}

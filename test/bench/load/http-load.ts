import { type Forked, forkLoad } from './forked.js';
import type { HttpCommand } from './http-messages.js';

type Measured = Extract<HttpCommand, { kind: 'run' | 'fan-out' }>;

/** The load over HTTP/1.1. */
export type HttpLoad = Forked<Exclude<HttpCommand, Measured>, Measured>;

export function startHttpLoad(): HttpLoad {
  return forkLoad('http-generator.ts');
}

import { Lines } from './lines.js';
import { choosePaint } from './paint.js';
import { Screen } from './screen.js';
import type { Teller } from './teller.js';

/** Draws where there is a terminal that can be drawn on; else writes lines. */
export function chooseTeller(out: NodeJS.WriteStream, title: string, environment: NodeJS.ProcessEnv): Teller {
  if (out.isTTY && environment['TERM'] !== 'dumb') return new Screen(out, title, choosePaint(environment));
  return new Lines((text) => out.write(text));
}

import { stripVTControlCharacters, styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Gives text a colour, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** https://no-color.org: any value but an empty one means no colour. */
export function choosePaint(environment: NodeJS.ProcessEnv): Paint {
  return (environment['NO_COLOR'] ?? '') === '' ? coloured : plain;
}

/** A line that does not break: what is too long loses its end, and with that its colours. */
export function fit(line: string, columns: number): string {
  const bare = stripVTControlCharacters(line);
  if (bare.length <= columns) return line;
  return columns < 1 ? '' : `${bare.slice(0, columns - 1)}…`;
}

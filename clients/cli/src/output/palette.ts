import { styleText } from 'node:util';

/** How things look on one stream. */
export interface Palette {
  /** What was there and goes. */
  before(text: string): string;
  /** What comes. */
  after(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  strong(text: string): string;
  dim(text: string): string;
}

type Style = Parameters<typeof styleText>[0];

/** Colours, where they are seen: on a terminal, unless NO_COLOR says no (no-color.org). */
export function paletteFor(stream: { readonly isTTY?: boolean | undefined }): Palette {
  const isColoured =
    stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  const style = (format: Style) => (text: string) =>
    // Whether to colour is decided here, by the stream that it goes to.
    isColoured ? styleText(format, text, { validateStream: false }) : text;
  return {
    before: style('red'),
    after: style('green'),
    good: style('green'),
    warn: style('yellow'),
    bad: style(['red', 'bold']),
    strong: style('bold'),
    dim: style('gray'),
  };
}

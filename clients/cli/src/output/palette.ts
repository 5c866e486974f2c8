import { styleText } from 'node:util';

type Style = (text: string) => string;

/** How things look on one stream. */
export interface Palette {
  /** What was there and goes. */
  readonly before: Style;
  /** What comes. */
  readonly after: Style;
  readonly good: Style;
  readonly warn: Style;
  readonly bad: Style;
  readonly strong: Style;
  readonly dim: Style;
}

type Format = Parameters<typeof styleText>[0];

/** Colours, where they are seen: on a terminal, unless NO_COLOR says no (no-color.org). */
export function paletteFor(stream: { readonly isTTY?: boolean | undefined }): Palette {
  const isColoured =
    stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  const style =
    (format: Format): Style =>
    (text) =>
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

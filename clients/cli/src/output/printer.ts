import { stringify } from 'yaml';

import { type Terminal } from './terminal.js';

export const FORMATS = ['table', 'json', 'yaml'] as const;

/** `table` is for people. */
export type Format = (typeof FORMATS)[number];

/** Prints data in the format that was asked for. */
export class Printer {
  readonly #terminal: Terminal;
  readonly format: Format;

  constructor(terminal: Terminal, format: Format) {
    this.#terminal = terminal;
    this.format = format;
  }

  get isForPeople(): boolean {
    return this.format === 'table';
  }

  /** @param forPeople Makes the text of the format `table`. */
  print(data: unknown, forPeople: () => string): void {
    if (this.isForPeople) this.#terminal.print(forPeople());
    else this.printData(data);
  }

  /** What people have seen already, in pieces. Nothing in the format `table`. */
  printData(data: unknown): void {
    if (this.format === 'json') this.#terminal.print(JSON.stringify(data, undefined, 2));
    else if (this.format === 'yaml') this.#terminal.print(toYaml(data));
  }

  /** One of several: a line in JSON, a document in YAML. */
  printNext(data: unknown, forPeople: () => string): void {
    if (this.format === 'json') this.#terminal.print(JSON.stringify(data));
    else if (this.format === 'yaml') this.#terminal.print(`---\n${toYaml(data)}`);
    else this.#terminal.print(forPeople());
  }
}

function toYaml(data: unknown): string {
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

import { drawFrame } from './frame.js';
import { fit, type Paint } from './paint.js';
import type { Scene, Teller, Told } from './teller.js';

/** What a terminal is to it. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const DRAW_EVERY_MS = 100;

/** Draws one frame over the other. */
export class Screen implements Teller {
  readonly #terminal: Terminal;
  readonly #title: string;
  readonly #paint: Paint;
  readonly #told: Told[] = [];
  #height = 0;
  #drawnAt = -Infinity;
  #last: Scene | undefined;

  constructor(terminal: Terminal, title: string, paint: Paint) {
    this.#terminal = terminal;
    this.#title = title;
    this.#paint = paint;
    terminal.write(HIDE_CURSOR);
  }

  tell(told: Told): void {
    this.#told.push(told);
  }

  show(scene: Scene): void {
    this.#last = scene;
    if (performance.now() - this.#drawnAt >= DRAW_EVERY_MS) this.#draw(scene);
  }

  /** The last frame stays. */
  close(): void {
    if (this.#last) this.#draw(this.#last);
    this.#terminal.write(SHOW_CURSOR);
  }

  #draw(scene: Scene): void {
    this.#drawnAt = performance.now();
    // Some terminals do not know how large they are.
    const columns = this.#terminal.columns || 80;
    const rows = this.#terminal.rows || 24;
    // The cursor is below the frame, so a frame of all rows would scroll.
    const lines = drawFrame(this.#title, scene, this.#told, this.#paint).slice(0, Math.max(0, rows - 1));
    const up = this.#height === 0 ? '' : `\x1b[${this.#height}A`;
    const text = lines.map((line) => `${fit(line, columns)}${CLEAR_LINE}\n`).join('');
    this.#terminal.write(`${up}\r${text}${CLEAR_BELOW}`);
    this.#height = lines.length;
  }
}

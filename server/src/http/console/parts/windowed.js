import { html, useEffect, useRef, useState } from '../vendor/preact.js';

/** Rows drawn beyond what is seen, so that scrolling shows no gaps. */
const BEYOND = 8;

/**
 * A long table of which only the rows in sight are drawn.
 * @param {{ label: string, count: number, rowHeight: number, row: (index: number) => unknown, keyOf: (index: number) => string,
 *   head?: unknown }} props
 */
export function Windowed({ label, count, rowHeight, row, keyOf, head }) {
  const ref = useRef(null);
  const [view, setView] = useState({ first: 0, size: 30 });
  useEffect(() => {
    const box = ref.current;
    let asked = 0;
    const measure = () => {
      asked = 0;
      const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - BEYOND);
      const size = Math.ceil(box.clientHeight / rowHeight) + 2 * BEYOND;
      setView((before) => (before.first === first && before.size === size ? before : { first, size }));
    };
    const ask = () => {
      asked ||= requestAnimationFrame(measure);
    };
    const resized = new ResizeObserver(ask);
    resized.observe(box);
    box.addEventListener('scroll', ask, { passive: true });
    return () => {
      cancelAnimationFrame(asked);
      resized.disconnect();
      box.removeEventListener('scroll', ask);
    };
  }, [rowHeight]);
  const first = Math.min(view.first, Math.max(0, count - view.size));
  const last = Math.min(count, first + view.size);
  return html`<div class="windowed" role="table" aria-label=${label} aria-rowcount=${count}>
    ${head}
    <div class="windowed-box" ref=${ref} tabindex="0" role="rowgroup" aria-label=${label}>
      <div class="windowed-all" role="presentation" style=${{ height: `${count * rowHeight}px` }}>
        ${Array.from(
          { length: last - first },
          (_, i) =>
            html`<div
              role="row"
              class="windowed-row"
              key=${keyOf(first + i)}
              aria-rowindex=${first + i + 1}
              style=${{ transform: `translateY(${(first + i) * rowHeight}px)`, height: `${rowHeight}px` }}
            >
              ${row(first + i)}
            </div>`,
        )}
      </div>
    </div>
  </div>`;
}

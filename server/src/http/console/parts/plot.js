import { html, useEffect, useRef } from '../vendor/preact.js';
import uPlot from '../vendor/uplot.js';

const HEIGHT = 92;
const TIMES_HEIGHT = 46;
const AXIS_WIDTH = 96;
const NARROW_AXIS_WIDTH = 90;
const DAY = '\n{D} {MMM}';
/**
 * How times are written, by the distance between two of them in seconds: the text, and what stands below it where another
 * year or day begins.
 */
const TIMES = [
  [365 * 86_400, '{YYYY}', null, null, null, null, null, null, 1],
  [28 * 86_400, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [86_400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', `${DAY} {YYYY}`, null, DAY, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', `${DAY} {YYYY}`, null, DAY, null, null, null, 1],
];

/** All plots of a page move their cursors together. */
const together = uPlot.sync('course');

/**
 * One value over time, in steps.
 * @param {{ label: string, summary: string, levels?: string[], format: (value: number) => string, times: number[],
 *   effective: number[], base?: number[], hasTimes: boolean }} props `levels`: names for 0, 1, 2 …
 */
export function Plot(props) {
  const box = useRef(null);
  const { times, effective, base, levels, label, summary } = props;
  useEffect(() => {
    const element = box.current;
    const draw = () => new uPlot(optionsFor(props, element), dataOf(props), element);
    let plot = draw();
    // Only its width: the height is ours, and would set it off again.
    let width = element.clientWidth;
    const resized = new ResizeObserver(() => {
      if (element.clientWidth === width) return;
      width = element.clientWidth;
      plot.setSize({ width, height: heightOf(props) });
    });
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => {
      plot.destroy();
      plot = draw();
    };
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      resized.disconnect();
      plot.destroy();
    };
  }, [times.join(), effective.join(), base?.join(), document.documentElement.dataset.theme]);
  return html`<figure class="plot">
    <figcaption>${label}</figcaption>
    <div ref=${box} class="plot-box ${levels ? 'levels' : ''}" role="img" aria-label=${summary}></div>
  </figure>`;
}

function heightOf({ hasTimes }) {
  return HEIGHT + (hasTimes ? TIMES_HEIGHT : 0);
}

function dataOf({ times, effective, base }) {
  return base === undefined ? [times, effective] : [times, effective, base];
}

function optionsFor(props, element) {
  const { levels, format, base, hasTimes } = props;
  const ink = inkOf(element);
  const stepped = uPlot.paths.stepped({ align: 1 });
  const line = { paths: stepped, points: { show: false }, spanGaps: true };
  const grid = { stroke: ink('line'), width: 1 };
  return {
    width: element.clientWidth,
    height: heightOf(props),
    legend: { show: false },
    cursor: { sync: { key: together.key }, drag: { x: false, y: false }, y: false },
    padding: [8, 12, hasTimes ? 0 : 8, 0],
    scales: {
      x: { time: true },
      y: levels ? { range: [-0.3, levels.length - 0.7] } : { range: roomAround },
    },
    axes: [
      {
        show: hasTimes,
        values: TIMES,
        stroke: ink('muted'),
        grid,
        ticks: { show: false },
        size: TIMES_HEIGHT,
      },
      {
        stroke: ink('muted'),
        grid,
        ticks: { show: false },
        size: element.clientWidth < 500 ? NARROW_AXIS_WIDTH : AXIS_WIDTH,
        ...(levels
          ? {
              splits: levels.map((_, i) => i),
              values: (_, splits) => splits.map((i) => levels[i]),
              font: '11px system-ui',
            }
          : { space: 26, values: (_, splits) => splits.map(format), font: '11px system-ui' }),
      },
    ],
    series: [
      {},
      { ...line, stroke: ink('accent'), width: 2, fill: ink('accent-faint') },
      ...(base === undefined ? [] : [{ ...line, stroke: ink('muted'), width: 1, dash: [4, 4] }]),
    ],
  };
}

/** Some room above and below, also where nothing ever moved. */
function roomAround(_, low, high) {
  const room = (high - low) * 0.15 || Math.abs(high) * 0.3 || 1;
  return [Math.max(0, low - room), high + room];
}

/** Colours as a canvas understands them: a custom property may be a function of the scheme. */
function inkOf(element) {
  const probe = document.createElement('i');
  element.append(probe);
  const read = {};
  for (const name of ['accent', 'accent-faint', 'muted', 'line']) {
    probe.style.color = `var(--${name})`;
    read[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return (name) => read[name];
}

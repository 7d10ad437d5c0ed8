// Losses over steps as an SVG: small enough to be written by hand, and needs no library that draws.

/** A line or dots of a plot. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  /** Places along and up. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDotted?: boolean;
}

const [width, height] = [800, 400];
const frame = { left: 60, right: 20, top: 50, bottom: 50 };
const mostPoints = 2000;

/** Series over one axis along, from 0, and one up. At least one point. */
export function plotOf(title: string, along: string, series: readonly Series[]): string {
  const points = series.flatMap(({ points }) => points);
  const [left, right] = [0, Math.max(...points.map(([x]) => x), 1)];
  const ticks = ticksOf(Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y)));
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const x = (value: number) =>
    place(frame.left + ((value - left) / (right - left)) * (width - frame.left - frame.right));
  const y = (value: number) =>
    place(height - frame.bottom - ((value - low) / (high - low)) * (height - frame.top - frame.bottom));
  const parts = [
    text(width / 2, 24, title, 'middle'),
    ...ticks.flatMap((tick) => [
      `<path d="M${x(left)} ${y(tick)}H${x(right)}" stroke="#8884"/>`,
      text(frame.left - 8, y(tick) + 4, format(tick), 'end'),
    ]),
    ...ticksOf(left, right)
      .filter((tick) => tick <= right)
      .map((tick) => text(x(tick), height - frame.bottom + 20, format(tick), 'middle')),
    text(width / 2, height - 12, along, 'middle'),
    ...series.flatMap(({ name, colour, points, isDotted }, i) => {
      const at = thinned(points).map(([a, b]) => [x(a), y(b)] as const);
      const drawn = isDotted
        ? at.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="4" fill="${colour}"/>`)
        : [
            `<path d="M${at.map((one) => one.join(' ')).join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
          ];
      return [...drawn, `<g fill="${colour}">${text(width - frame.right, 44 + 16 * i, name, 'end')}</g>`];
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#888">\n${parts.join('\n')}\n</svg>\n`;
}

/** Round numbers, of which the first and the last hold all between them. */
function ticksOf(low: number, high: number): number[] {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((step) => span / step <= 6) ?? 10 * power;
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  return Array.from({ length: Math.max(last - first, 1) + 1 }, (_, i) => (first + i) * step);
}

function thinned<T>(points: readonly T[]): readonly T[] {
  const every = Math.ceil(points.length / mostPoints);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

function text(x: number, y: number, words: string, anchor: 'middle' | 'end'): string {
  const plain = words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${plain}</text>`;
}

const place = (value: number) => Math.round(10 * value) / 10;
const format = (value: number) => String(Number(value.toPrecision(6)));

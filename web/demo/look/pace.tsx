// The chart of milliseconds per token, and the memory beside it.
import type uPlot from 'uplot';
import { Chart, type Colour } from '../chart.js';
import { bytes } from '../format.js';
import { model } from '../models/loaded.js';
import { kept, stateBytes } from '../write/places.js';
import { attention } from './attention.js';
import { beats, median, milliseconds, positions } from './beats.js';

const scale: uPlot.Scale = { range: (_, __, most) => [0, Math.max(2, most * 1.4 || 2)] };
// A text that branches goes through a place more than once: points, no line.
const series = (colour: Colour): uPlot.Series[] => [
  {
    stroke: colour('--accent'),
    paths: () => null,
    points: { show: true, size: 5, width: 0, fill: colour('--accent') },
  },
  { stroke: colour('--quiet'), width: 1.5, dash: [6, 4], points: { show: false } },
];
const data = (): uPlot.AlignedData => {
  beats.value;
  const writer = model.value;
  return [positions, milliseconds, writer ? attention(writer.info, median(), positions) : []];
};

export function Pace() {
  beats.value;
  const writer = model.value;
  const heap = heapBytes();
  return (
    <div class="pace">
      <Chart label={summary()} data={data} scale={scale} series={series} />
      <dl class="facts">
        <dt>Weights</dt>
        <dd>{writer ? bytes(writer.info.bytes) : '–'}</dd>
        <dt>States kept</dt>
        <dd>{writer ? `${kept()} × ${bytes(stateBytes(writer))}` : '–'}</dd>
        {heap !== undefined && (
          <>
            <dt>The page’s own</dt>
            <dd>{bytes(heap)}</dd>
          </>
        )}
      </dl>
    </div>
  );
}

function summary(): string {
  const [first, latest] = [milliseconds[0], milliseconds.at(-1)];
  if (first === undefined || latest === undefined) return 'Milliseconds per token: nothing was written yet';
  return `Milliseconds per token: ${first.toFixed(1)} at token ${positions[0]}, ${latest.toFixed(1)} at token ${positions.at(-1)}; dashed, by a formula: attention`;
}

// Chromium tells it; others do not.
function heapBytes(): number | undefined {
  const memory = 'memory' in performance ? performance.memory : undefined;
  if (typeof memory !== 'object' || memory === null || !('usedJSHeapSize' in memory)) return undefined;
  return typeof memory.usedJSHeapSize === 'number' ? memory.usedJSHeapSize : undefined;
}

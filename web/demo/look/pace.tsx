// The chart of milliseconds per token, and the memory beside it.
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bytes } from '../format.js';
import { model } from '../models/loaded.js';
import { theme } from '../settings/settings.js';
import { kept, stateBytes } from '../write/places.js';
import { beats, milliseconds, positions } from './beats.js';

const height = 200;

export function Pace() {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);

  useEffect(() => {
    const { current } = box;
    if (!current) return;
    let Plot: typeof uPlot | undefined;
    const make = () => {
      plot.current?.destroy();
      plot.current = Plot && new Plot(optionsFor(current), [positions, milliseconds], current);
    };
    let isGone = false;
    void import('uplot').then((library) => {
      if (isGone) return;
      Plot = library.default;
      make();
    });
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: current.clientWidth, height }));
    resize.observe(current);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', make);
    const forget = theme.subscribe(() => queueMicrotask(make)); // axes are drawn in the colours of the theme
    return () => {
      isGone = true;
      resize.disconnect();
      dark.removeEventListener('change', make);
      forget();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);

  useSignalEffect(() => {
    beats.value;
    plot.current?.setData([positions, milliseconds]);
  });

  beats.value;
  const writer = model.value;
  const heap = heapBytes();
  return (
    <div class="pace">
      <div class="plot" ref={box} role="img" aria-label={summary()} style={{ height }} />
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
  return `Milliseconds per token: ${first.toFixed(1)} at token ${positions[0]}, ${latest.toFixed(1)} at token ${positions.at(-1)}`;
}

function optionsFor(box: HTMLElement): uPlot.Options {
  const style = getComputedStyle(box);
  const colour = (name: string) => style.getPropertyValue(name);
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: box.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(2, most * 1.4 || 2)] } },
    axes: [axis, { ...axis, size: 42, values: (_, ticks) => ticks.map((tick) => `${tick}`) }],
    series: [
      {},
      {
        stroke: colour('--accent'),
        paths: () => null, // a text that branches goes through a place more than once: points, no line
        points: { show: true, size: 5, width: 0, fill: colour('--accent') },
      },
    ],
  };
}

// Chromium tells it; others do not.
function heapBytes(): number | undefined {
  const memory = 'memory' in performance ? performance.memory : undefined;
  if (typeof memory !== 'object' || memory === null || !('usedJSHeapSize' in memory)) return undefined;
  return typeof memory.usedJSHeapSize === 'number' ? memory.usedJSHeapSize : undefined;
}

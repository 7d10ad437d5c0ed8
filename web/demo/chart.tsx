// A chart in the colours of the page, which follows what it shows.
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { theme } from './settings/settings.js';

const height = 200;

/** The value of a colour of the page by its name. */
export type Colour = (name: string) => string;

interface Props {
  /** What it shows, in words. */
  readonly label: string;
  /** What it shows now; it follows the signals that are read here. */
  readonly data: () => uPlot.AlignedData;
  readonly scale: uPlot.Scale;
  readonly series: (colour: Colour) => readonly uPlot.Series[];
}

export function Chart({ label, data, scale, series }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);

  useEffect(() => {
    const { current } = box;
    if (!current) return;
    let Plot: typeof uPlot | undefined;
    const make = () => {
      plot.current?.destroy();
      plot.current = Plot && new Plot(optionsFor(current, scale, series), data(), current);
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
    const now = data();
    plot.current?.setData(now);
  });

  return <div class="plot" ref={box} role="img" aria-label={label} style={{ height }} />;
}

function optionsFor(
  box: HTMLElement,
  scale: uPlot.Scale,
  series: (colour: Colour) => readonly uPlot.Series[],
): uPlot.Options {
  const style = getComputedStyle(box);
  const colour: Colour = (name) => style.getPropertyValue(name);
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
    scales: { x: { time: false }, y: scale },
    axes: [axis, { ...axis, size: 42, values: (_, ticks) => ticks.map((tick) => `${tick}`) }],
    series: [{}, ...series(colour)],
  };
}

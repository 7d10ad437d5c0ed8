// Plots as SVG.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled } from './install.mjs';
import { stateBytes } from './models.mjs';

const top = { left: 70, right: 30, top: 90, height: 190 };
const bottom = { left: 70, right: 30, top: 340, height: 110 };

/** A log axis of positions under plot `gridIndex`. */
const positionAxis = (gridIndex, points, name) => ({
  gridIndex,
  name,
  type: 'log',
  min: points[0].position,
  max: points.at(-1).position,
  nameLocation: 'middle',
  nameGap: 28,
});

const valueAxis = (gridIndex, name, most) => ({ gridIndex, name, type: 'value', min: 0, max: most });

/** The library that draws; installed into build/charts where it is missing. */
export async function loadCharts() {
  const folder = ensureInstalled('charts', 'echarts', '6.1.0');
  return import(pathToFileURL(join(folder, 'index.js')).href);
}

/** SVG text of a chart's `option`. */
function draw({ init }, height, option) {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 860, height });
  chart.setOption({ animation: false, legend: { top: 34, itemGap: 40 }, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

const titled = (text) => ({ text, textStyle: { fontSize: 14 } });

/** SVG text of lines through points [x, y] by name, in one plot whose axes begin at 0, or at 1 where `isLog`. */
export function drawLines(charts, { title, x, y, isLog = false }, lines) {
  const named = { name: x, nameLocation: 'middle', nameGap: 28 };
  return draw(charts, 360, {
    title: titled(title),
    grid: { left: 70, right: 30, top: 90, bottom: 50 },
    xAxis: isLog ? { ...named, type: 'log', logBase: 2, min: 1 } : { ...named, type: 'value', min: 0 },
    yAxis: { name: y, type: 'value', min: 0 },
    series: Object.entries(lines).map(([name, data]) => ({ name, type: 'line', data })),
  });
}

/** SVG text of a text's time per token and memory, drawn by what `loadCharts` answers. Both value axes begin at 0, so that flat looks flat and growth looks like growth. */
export function drawPositions(charts, { model, node, info, points, attention }) {
  const line = (name, at, of, from = points) => ({
    name,
    type: 'line',
    xAxisIndex: at,
    yAxisIndex: at,
    data: from.map((point) => [point.position, of(point)]),
  });
  const most = 1.1 * Math.max(...[...points, ...attention].map(({ median_ms }) => median_ms));
  return draw(charts, 500, {
    title: titled(
      `${model} ${info.quantization} ${info.build}, Node ${node}: state ${(stateBytes(info) / 1e6).toFixed(2)} MB`,
    ),
    grid: [top, bottom],
    xAxis: [positionAxis(0, points, ''), positionAxis(1, points, 'tokens read before')],
    yAxis: [valueAxis(0, 'ms per token', Number(most.toPrecision(2))), valueAxis(1, 'process, MB')],
    series: [
      line('median', 0, ({ median_ms }) => median_ms),
      line('quiet', 0, ({ quiet_ms }) => quiet_ms),
      line('attention of the same shape', 0, ({ median_ms }) => median_ms, attention),
      line('memory', 1, ({ memory_bytes }) => memory_bytes / 1e6),
    ],
  });
}

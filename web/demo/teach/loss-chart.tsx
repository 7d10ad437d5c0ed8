// The losses as a chart: a line of what was learned from, squares of what was held out.
import type uPlot from 'uplot';
import { Chart, type Colour } from '../chart.js';
import { curve, ends } from './losses.js';

const data = (): uPlot.AlignedData => {
  const { steps, losses, validations } = curve.value;
  return [[...steps], [...losses], [...validations]];
};
const scale: uPlot.Scale = { range: (_, least, most) => [Math.max(0, least - 0.1), most + 0.1] };
const series = (colour: Colour): uPlot.Series[] => [
  { stroke: colour('--quiet'), width: 1.5, spanGaps: true, points: { show: false } },
  {
    stroke: colour('--accent'),
    width: 2,
    spanGaps: true,
    points: { show: true, size: 7, width: 0, fill: colour('--accent') },
  },
];

export function LossChart() {
  const held = ends(curve.value.validations);
  return (
    <>
      <Chart label={summary()} data={data} scale={scale} series={series} />
      {held && (
        <p>
          Pages that it was not taught surprise it {change(...held)}: {held[0].toFixed(2)} before,{' '}
          {held[1].toFixed(2)} now.
        </p>
      )}
    </>
  );
}

function change(before: number, now: number): string {
  const percent = Math.round(100 * Math.abs(1 - now / before));
  if (percent === 0) return 'as before';
  return `${percent} % ${now < before ? 'less' : 'more'}`;
}

function summary(): string {
  const taught = ends(curve.value.losses);
  return taught
    ? `Loss a token: ${taught[0].toFixed(2)} at first, ${taught[1].toFixed(2)} now`
    : 'Loss a token: nothing was learned yet';
}

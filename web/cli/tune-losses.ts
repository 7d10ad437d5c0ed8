// How a run of `tune` gets on: what is shown of it, said at its end and drawn.
import type { TuneStep, TuningPlan } from '../api.js';
import { plotOf } from './plot.js';
import { megabytes, timeLeft } from './terminal.js';

type Point = readonly [step: number, loss: number];

export class Losses {
  #plan: TuningPlan | undefined;
  #start = 0;
  #last: TuneStep | undefined;
  readonly #learned: Point[] = [];
  readonly #heldOut: Point[] = [];

  /** Hears what is going to be done. */
  begin(plan: TuningPlan): void {
    this.#plan = plan;
    this.#start = performance.now();
    if (plan.validationLoss !== undefined) this.#heldOut.push([plan.step, plan.validationLoss]);
  }

  add(step: TuneStep): void {
    this.#last = step;
    this.#learned.push([step.step, step.loss]);
    if (step.validationLoss !== undefined) this.#heldOut.push([step.step, step.validationLoss]);
  }

  /** "24 steps, 3 of them done; 1234 tokens in 10 pieces; 5.1 MB beside the weights" */
  planned(): string {
    const { steps = 0, step = 0, learnedTokens = 0, excerpts = 0, bytes = 0 } = this.#plan ?? {};
    const done = step > 0 ? `, ${step} of them done` : '';
    return `${steps} steps${done}; ${learnedTokens} tokens in ${excerpts} pieces; ${megabytes(bytes)} beside the weights`;
  }

  /** "step 12 of 40, loss 2.314, held out 2.402, rate 0.093, 812 tok/s, 40 s left" */
  line(): string {
    const { step = 0, steps = 0, learningRate = 0, tokensPerSecond = 0 } = this.#last ?? {};
    const before = this.#plan?.step ?? 0;
    const left = timeLeft(step - before, steps - before, performance.now() - this.#start);
    const rates = `rate ${Number(learningRate.toPrecision(2))}, ${Math.round(tokensPerSecond)} tok/s`;
    const heldOut = this.#heldOut.length > 0 ? `, held out ${shown(this.#heldOut.at(-1))}` : '';
    return `step ${step} of ${steps}, loss ${shown(this.#learned.at(-1))}${heldOut}, ${rates}${left}`;
  }

  /** "40 of 40 steps, loss 3.100 -> 2.300, held out 3.000 -> 2.500" */
  summary(): string {
    const { steps = 0, step: before = 0 } = this.#plan ?? {};
    const course = (name: string, points: readonly Point[]) =>
      points.length > 0 ? `, ${name} ${shown(points[0])} -> ${shown(points.at(-1))}` : '';
    const done = this.#last?.step ?? before;
    return `${done} of ${steps} steps${course('loss', this.#learned)}${course('held out', this.#heldOut)}`;
  }

  /** As SVG; `undefined` where there is nothing to draw. */
  plot(title: string): string | undefined {
    if (this.#learned.length === 0) return undefined;
    const series = [
      { name: 'loss', colour: '#4a7bd0', points: this.#learned },
      { name: 'held out', colour: '#d0743c', points: this.#heldOut, isDotted: true },
    ];
    return plotOf(
      title,
      'steps',
      series.filter(({ points }) => points.length > 0),
    );
  }
}

const shown = (point: Point | undefined) => (point?.[1] ?? 0).toFixed(3);

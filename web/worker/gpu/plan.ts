// Lists of operations made ready to run: once for each shape of a batch.
import { isVector } from './behaviour.js';
import type { Device } from './device.js';
import { none } from './operations.js';
import { Pipelines } from './pipelines.js';
import { type Places, placesOf } from './places.js';
import { type Dispatch, schedule } from './schedule.js';
import { type Features, stepWords, wordsOf, workgroupsOf } from './shader.js';
import { argument, type Step, type Steps, stepsOf, type Value } from './steps.js';
import { usage } from './usage.js';
import type { Weights } from './weights.js';

/** Bytes of a program's arguments that are bound, at most; where they may begin. */
export const programBytes = 4 * stepWords * 32;
const argumentAlignment = 256;

export interface Planned {
  readonly pipeline: GPUComputePipeline;
  readonly workgroups: readonly [number, number, number];
  /** Which buffer of matrices it sees, and where its arguments begin, in bytes. */
  readonly matrices: number;
  readonly offset: number;
}

export interface Plan {
  readonly rows: number;
  readonly sequences: number;
  readonly wanted: number;
  readonly dispatches: readonly Planned[];
  readonly programs: GPUBuffer;
  readonly scratchFloats: number;
  readonly logits: Result | undefined;
  readonly hidden: Result | undefined;
}

interface Result {
  readonly first: number;
  readonly floats: number;
}

export async function makePlan(
  list: Uint32Array,
  device: Device,
  weights: Weights,
  { fuses, ...features }: Features & { readonly fuses: boolean },
): Promise<Plan> {
  const all = stepsOf(list, (id) => weights.piecesOf(id));
  const dispatches = schedule(all.steps, all.rows === all.sequences, fuses);
  const places = placesOf(dispatches, resultsOf(all));
  const formatOf = (step: Step) =>
    weights.formatOf(step.arguments.get('matrix') ?? argument(step.arguments, 'table'));
  const pipelines = Pipelines.of(device);
  const compiled = await Promise.all(
    dispatches.map((dispatch) => pipelines.get(dispatch, formatOf, features)),
  );

  let offset = 0;
  const planned = dispatches.map((dispatch, i): Planned => {
    const pipeline = compiled[i];
    if (!pipeline) throw new Error(`no program for dispatch ${i}`);
    const piece = dispatch.steps.find((step) => step.piece)?.piece;
    const begin = offset;
    offset += Math.ceil((4 * stepWords * dispatch.steps.length) / argumentAlignment) * argumentAlignment;
    return { pipeline, workgroups: workgroupsOf(dispatch), matrices: piece?.buffer ?? 0, offset: begin };
  });
  const words = new Uint32Array((offset + programBytes) / 4); // behind the last as much as is bound
  dispatches.forEach((dispatch, i) => {
    writeArguments(dispatch, places, weights, words, (planned[i]?.offset ?? 0) / 4);
  });
  const programs = await device.make(`${dispatches.length} programs' arguments`, () =>
    device.gpu.createBuffer({ size: words.byteLength, usage: usage.uniform | usage.copyTo }),
  );
  device.gpu.queue.writeBuffer(programs, 0, words);
  const { rows, sequences, wanted } = all;
  const resultOf = (value: Value | undefined) =>
    value && { first: addressOf(places, value), floats: value.floats };
  return {
    ...{ rows, sequences, wanted, dispatches: planned, programs, scratchFloats: places.floats },
    logits: resultOf(all.logits),
    hidden: resultOf(all.hidden),
  };
}

const resultsOf = ({ logits, hidden }: Steps): Value[] => [logits, hidden].flatMap((value) => value ?? []);

function addressOf(places: Places, value: Value): number {
  const address = places.addresses.get(value);
  if (address === undefined) throw new Error('a value without a place');
  return address;
}

function writeArguments(
  { steps }: Dispatch,
  places: Places,
  weights: Weights,
  words: Uint32Array<ArrayBuffer>,
  first: number,
): void {
  steps.forEach((step, i) => {
    const at = first + stepWords * i;
    wordsOf(step.name).forEach((name, j) => {
      words[at + j] = wordOf(step, name, places, weights);
    });
  });
}

function wordOf(step: Step, name: string, places: Places, weights: Weights): number {
  const { piece } = step;
  if (name === 'row_count') return step.rows;
  if (name === 'row_width') return step.width;
  const value = step.values.get(name);
  if (value) return addressOf(places, value);
  if (piece && name === 'matrix') return piece.offset / 16;
  if (piece && name === 'table') return piece.offset;
  if (piece && name === 'first') return step.name === 'matmul' ? 8 * piece.first : piece.first;
  if (piece && (name === 'groups' || name === 'count')) return piece.count;
  if (!step.arguments.has(name)) return 0;
  const word = argument(step.arguments, name);
  return isVector(step.name, name) && word !== none ? weights.vectorAt(word) : word;
}

// What `tune` and `train` have in common: a model learns from a file of texts, and what it learned is a file too. Goes on where it was stopped.
import { constants } from 'node:fs';
import { access, readFile, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Model, TuneOptions, TuneResult } from '../api.js';
import { checkTuneOptions } from '../page/tuning/options.js';
import { RwkvError } from '../shared/errors.js';
import { codeOf, isError } from '../shared/realms.js';
import { writeWhole } from './files.js';
import { toNumber } from './flags.js';
import { interruptCode, interruptSignal, megabytes, statusLine } from './terminal.js';
import { TuneData } from './tune-data.js';
import { Losses } from './tune-losses.js';

/** Options of `model.tune` that are flags as they are. */
type Said = Omit<TuneOptions, 'validation' | 'format' | 'checkpoint' | 'onPlan' | 'signal'>;

/** What `addTeachingFlags` and `addRunFlags` add. */
export interface TeachingFlags extends Said {
  readonly out: string;
  readonly validation?: string;
  readonly checkpointEvery: number;
  readonly plot?: string;
  readonly json: boolean;
}

/** What every command that learns says of its data and its checkpoints. */
export const teachingDetails = `
A .txt file is one text; lines of <|endoftext|> alone divide it into several. A line of a .jsonl file is a text: {"text": ...},
{"prompt": ..., "completion": ...}, of which the completion is learned, or {"messages": [{"role": ..., "content": ...}, ...]}, of
which the assistant's words are.

Now and then, and at Ctrl-C, OUT.checkpoint is written: the same command then goes on from there and ends with the same
bytes as one undisturbed run. It is deleted when OUT is there; delete it to begin anew.`;

/** How it learns. `rates` and `decay` are what stands for absent ones, in words. */
export function addTeachingFlags(command: Command, rates: string, decay: string): Command {
  return command
    .option('--steps <n>', 'steps to make (default: what --epochs takes)', toNumber)
    .option('--epochs <n>', 'how often the texts are read (default: 3)', toNumber)
    .option('--context-length <n>', 'tokens of a text that are read at once (default: 512)', toNumber)
    .option('--batch <n>', 'pieces of text a step (default: 2)', toNumber)
    .option('--learning-rate <x>', `default: ${rates}`, toNumber)
    .option('--schedule <name>', 'how the rate falls: constant, linear or cosine (default: cosine)')
    .option('--warmup <n>', 'steps in which the rate rises (default: 5)', toNumber)
    .option('--betas <a,b>', 'of AdamW (default: 0.9,0.99)', toNumbers)
    .option('--epsilon <x>', 'of AdamW (default: 1e-8)', toNumber)
    .option('--weight-decay <x>', `of AdamW (default: ${decay})`, toNumber)
    .option('--gradient-clip <x>', 'the longest gradient; 0: any (default: 1)', toNumber)
    .option('--validation <x>', 'what is held out: a file such as DATA, or a share of DATA, up to 0.9')
    .option('--validation-every <n>', 'steps between two measurements of it (default: 50)', toNumber)
    .option('--template <name>', 'how messages are written: world or g1 (default: as for chat)')
    .option('-s, --seed <n>', 'the same seed gives the same result (default: 0)', toNumber);
}

/** How the run is kept and shown. */
export function addRunFlags(command: Command): Command {
  return command
    .option('--checkpoint-every <s>', 'seconds between two checkpoints', toNumber, 10)
    .option('--plot <file>', 'draws the losses as SVG; of a run that goes on, those from there on')
    .option('--json', 'print one JSON object at the end', false);
}

/** Teaches the model that `load` gives, which hears the data, until `signal` aborts. */
export async function teach(
  file: string,
  flags: TeachingFlags,
  load: (data: TuneData, signal: AbortSignal) => Promise<Model>,
): Promise<void> {
  const signal = interruptSignal();
  const { out, plot, json, checkpointEvery: seconds } = flags;
  const data = new TuneData(file);
  const heldOut = toValidation(flags.validation);
  const said = saidBy(flags);
  const validation = typeof heldOut === 'object' ? heldOut.texts(signal) : heldOut;
  checkTuneOptions({ ...said, validation, checkpoint: { seconds } }); // before a model is loaded for nothing
  for (const path of [out, ...(plot === undefined ? [] : [plot])])
    await access(dirname(resolve(path)), constants.W_OK);

  const kept = `${out}.checkpoint`;
  const resume = await checkpointIn(kept);
  const losses = new Losses();
  const status = statusLine();
  let model: Model | undefined;
  let result: TuneResult | undefined;
  try {
    model = await load(data, signal);
    const tuning = model.tune(data.texts(signal), {
      ...said,
      validation,
      signal,
      onPlan(plan) {
        losses.begin(plan);
        process.stderr.write(`${losses.planned()}\n`);
      },
      checkpoint: { resume, save: (bytes) => writeWhole(kept, bytes), seconds },
    });
    try {
      for await (const step of tuning) {
        losses.add(step);
        status.show(() => losses.line());
      }
    } finally {
      status.clear();
      const drawn = losses.plot(file);
      if (plot !== undefined && drawn !== undefined) await writeWhole(plot, Buffer.from(drawn));
    }
    result = await tuning.result;
    await writeWhole(out, result.bytes);
    await rm(kept, { force: true });
  } catch (error) {
    if (!signal.aborted || !(isError(error) && error.name === 'AbortError'))
      throw placed(error, kept, data, heldOut);
    process.exitCode = interruptCode();
  } finally {
    await model?.dispose();
  }
  const end = result ? `${out}: ${megabytes(result.bytes.length)}` : 'the same command goes on';
  process.stderr.write(`${losses.summary()}; ${end}\n`);
  if (!json) return;
  const { bytes, ...facts } = result ?? { bytes: undefined };
  process.stdout.write(
    `${JSON.stringify({ file, out, isComplete: result !== undefined, bytes: bytes?.length ?? null, ...facts })}\n`,
  );
}

/** The options that flags say as they are. */
function saidBy(flags: TeachingFlags): TuneOptions {
  const { method, steps, epochs, contextLength, batch, learningRate, schedule, warmup, betas, epsilon } =
    flags;
  const { weightDecay, gradientClip, rank, alpha, targets, validationEvery, template, seed } = flags;
  return {
    ...{ method, steps, epochs, contextLength, batch, learningRate, schedule, warmup, betas, epsilon },
    ...{ weightDecay, gradientClip, rank, alpha, targets, validationEvery, template, seed },
    format: /\.pth$/i.test(flags.out) ? 'pth' : 'safetensors',
  };
}

function toValidation(said: string | undefined): number | TuneData | undefined {
  if (said === undefined) return undefined;
  return said.trim() === '' || Number.isNaN(Number(said)) ? new TuneData(said) : Number(said);
}

async function checkpointIn(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The error in terms of files: of texts, and of the checkpoint. */
function placed(
  error: unknown,
  kept: string,
  data: TuneData,
  heldOut: number | TuneData | undefined,
): unknown {
  if (!(error instanceof RwkvError)) return error;
  const { code, message } = error;
  const found = typeof heldOut === 'object' ? heldOut.placed(message, 'option validation') : message;
  const told = data
    .placed(found, 'texts')
    .replace(/^option checkpoint\.resume/, kept)
    .replace(/^option checkpoint\.seconds/, '--checkpoint-every');
  const advice = told.startsWith(kept) ? '; delete it to begin anew' : '';
  return new RwkvError(code, told + advice, { cause: error });
}

function toNumbers(text: string): readonly [number, number] {
  const [first, second, ...more] = text.split(',').map(toNumber);
  if (first === undefined || second === undefined || more.length > 0)
    throw new InvalidArgumentError('It is not two numbers such as 0.9,0.99.');
  return [first, second];
}

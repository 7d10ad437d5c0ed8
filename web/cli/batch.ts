// rwkv-wasm batch: many prompts from one file, their texts into another, in as many processes as one likes.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { type Command, InvalidArgumentError } from 'commander';
import type { GenerateOptions, Model } from '../api.js';
import { checkGenerateOptions } from '../page/options.js';
import { withRecommended } from '../page/sampling.js';
import { RwkvError, type RwkvErrorCode } from '../shared/errors.js';
import {
  countOfOurs,
  isOurs,
  type Job,
  jobOf,
  type Line,
  linesOf,
  objectOf,
  type Shard,
} from './batch-input.js';
import { type Answer, Output } from './batch-output.js';
import { countLines, shareOf, summary, type Tally } from './batch-tally.js';
import { asUtf8 } from './files.js';
import {
  addModelFlags,
  addSamplingFlags,
  loadModel,
  type ModelFlags,
  recommendedBy,
  type SamplingFlags,
  samplingOptions,
  toNumber,
} from './flags.js';
import { interruptCode, interruptSignal, statusLine } from './terminal.js';

interface Flags extends ModelFlags, SamplingFlags {
  readonly shard: Shard;
  readonly parallel: number;
  readonly retryErrors: boolean;
  readonly json: boolean;
}

/** The exit code of a run that did all lines, some of which came to an error. */
const exitWithErrors = 3;

/** Errors that are not of one line: the model is gone, or would refuse each. */
const endsTheRun: readonly RwkvErrorCode[] = ['worker-crashed', 'disposed', 'out-of-memory', 'no-tokenizer'];

const details = `
Each line of the input is a JSON object: {"id": ..., "prompt": "...", "maxTokens": 100, ...} with any option of
session.complete; the flags above stand for what a line does not say. Each gives one line of the output, in any order:
{"line", "id", "text", "finishReason", "usage", "seed"}, or {"line", "id", "error": {"code", "message"}} where the line is no
JSON or an option is wrong; the others go on, and the exit code is 3 at the end. "line" is the line's number in the input, from 1.

Without a "seed", line k is generated with seed --seed + k: the same text in every run, however many shards there are.

The output only grows. A run that was stopped, killed or cut off is begun again with the same command: lines that are
done are not done again, half a last line is cut off. Lines with an error are done again with --retry-errors. '%i' in the output's name becomes the shard's number, from 1.

Examples:
  rwkv-wasm batch prompts.jsonl texts.jsonl --max-tokens 100
  rwkv-wasm batch prompts.jsonl texts-%i.jsonl --shard 2/4
  parallel rwkv-wasm batch prompts.jsonl texts-%i.jsonl --shard {}/4 ::: 1 2 3 4`;

/** Adds the command to the program. */
export function batchCommand(program: Command): void {
  const command = program
    .command('batch')
    .description('continue many texts, from a file into a file; goes on where it was stopped')
    .argument('<in>', "a file of JSON lines; '-' reads standard input")
    .argument('<out>', 'the file that their texts are added to')
    .option('--shard <i/n>', 'do line i of every n, i from 1', toShard, { index: 1, count: 1 })
    .option(
      '-p, --parallel <n>',
      'texts at a time, 1 to 64: they share each pass over the weights',
      toNumber,
      8,
    );
  addModelFlags(addSamplingFlags(command))
    .option('--retry-errors', 'do lines again whose answer in the output is an error', false)
    .option('--json', 'print the summary as one JSON object on standard output', false)
    .addHelpText('after', details)
    .action(batch);
}

async function batch(input: string, out: string, flags: Flags): Promise<void> {
  const { shard, parallel, seed = 0, retryErrors, json } = flags;
  const signal = interruptSignal();
  const defaults = samplingOptions(flags);
  checkGenerateOptions(defaults);
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 64)
    throw new RwkvError(
      'invalid-argument',
      `--parallel: expected an integer from 1 to 64; found ${parallel}`,
    );

  const path = out.replaceAll('%i', String(shard.index));
  if (input !== '-') {
    const [source, target] = [await stat(input), await stat(path).catch(() => undefined)];
    if (source.dev === target?.dev && source.ino === target.ino)
      throw new RwkvError('invalid-argument', `${input}: the input and the output are the same file`);
  }
  const output = await Output.open(path, shard, retryErrors);
  const tally: Tally = { done: 0, errors: 0, skipped: 0, total: undefined, tokens: 0 };
  const count = async () => {
    if (input !== '-') tally.total = countOfOurs(await countLines(input, signal), shard);
  };
  const counting = count().catch(() => {}); // who reads the lines hears of it
  const start = performance.now();
  const status = statusLine();
  let loading: Promise<Model> | undefined; // by the first line that needs it
  const load = () => {
    loading ??= loadModel(flags, signal);
    return loading;
  };
  const stream = addAbortSignal(signal, input === '-' ? process.stdin : createReadStream(input));
  const lines = linesOf(asUtf8(stream));
  // Takes the next line when it has done one. The model batches what several of these do at the same time.
  const work = async () => {
    for (;;) {
      const next = await lines.next();
      if (next.done || signal.aborted) return;
      const line = next.value;
      if (!isOurs(line.number, shard)) continue;
      if (output.isDone(line.number)) {
        checkSameInput(line, output);
        tally.skipped++;
        continue;
      }
      const answer = await answerTo(line, { ...defaults, seed: seed + line.number }, flags, load, signal);
      if (signal.aborted) return; // half a text is none
      await output.append(answer);
      tally.done++;
      if (answer.error) tally.errors++;
      tally.tokens += answer.usage?.completionTokens ?? 0;
      status.show(() => `${shareOf(tally, start)}${summary(tally, start)}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: parallel }, work));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    status.clear();
    await counting;
    stream.destroy();
    await loading?.then((model) => model.dispose()).catch(() => {}); // a load that failed was told above
    await output.close();
  }
  if (signal.aborted) process.exitCode = interruptCode();
  else if (output.errors > 0) process.exitCode = exitWithErrors;
  const errors =
    output.errors > 0 ? `; ${output.errors} in the output have an error: --retry-errors does them again` : '';
  process.stderr.write(`${summary(tally, start)}${signal.aborted ? '; the same command goes on' : errors}\n`);
  if (!json) return;
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`${JSON.stringify({ ...tally, seconds, isComplete: !signal.aborted })}\n`);
}

/** The answer to a line. Throws what ends the run, and what follows from an abort: the line is then not done. */
async function answerTo(
  line: Line,
  defaults: GenerateOptions,
  flags: SamplingFlags,
  load: () => Promise<Model>,
  signal: AbortSignal,
): Promise<Answer> {
  const number = line.number;
  const id = idOf(line);
  const failed = (error: unknown): Answer => {
    if (!(error instanceof RwkvError) || endsTheRun.includes(error.code)) throw error;
    return { line: number, id, error: { code: error.code, message: error.message } };
  };
  let job: Job;
  try {
    job = jobOf(objectOf(line), defaults);
  } catch (error) {
    return failed(error);
  }
  const model = await load();
  const session = await model.createSession();
  try {
    const options = withRecommended(recommendedBy(model, flags), { ...job.options, signal });
    const { result } = session.complete(job.prompt, options);
    const { text, finishReason, stop, usage, logprobs } = await result;
    return { line: number, id, text, finishReason, stop, usage, logprobs, seed: job.options.seed };
  } catch (error) {
    return failed(error);
  } finally {
    await session.dispose();
  }
}

/** @throws RwkvError `invalid-argument` */
function checkSameInput(line: Line, output: Output): void {
  if (output.hasId(line.number, idOf(line))) return;
  throw new RwkvError(
    'invalid-argument',
    `line ${line.number} of the input has another id than its answer has in the output: the output is of another input`,
  );
}

function idOf(line: Line): unknown {
  try {
    const { id = null } = objectOf(line);
    return id;
  } catch {
    return null;
  }
}

function toShard(text: string): Shard {
  const [, index = 0, count = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index >= 1 && index <= count && Number.isSafeInteger(count)) return { index, count };
  throw new InvalidArgumentError('It is no shard such as 2/4; the first is 1.');
}

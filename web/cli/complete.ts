// rwkv-wasm complete: a prompt in, its continuation out, as it comes.
import { type Command, InvalidArgumentError } from 'commander';
import type { CompletionResult } from '../api.js';
import { RWKV } from '../node.js';
import { checkGenerateOptions, checkLoadOptions, type LoadOptions, randomSeed } from '../options.js';
import type { ModelInfo } from '../protocol.js';
import { interruptSignal, progressLine, quantizationHelp, readStdin } from './terminal.js';

interface Flags {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly typicalP: number;
  readonly stop?: string[];
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly seed?: number;
  readonly model?: string;
  readonly tokenizer?: string;
  readonly quantization?: NonNullable<LoadOptions['quantization']>;
  readonly build: NonNullable<LoadOptions['build']>;
  readonly threads: NonNullable<LoadOptions['threads']>;
  readonly json: boolean;
}

const examples = `
Examples:
  rwkv-wasm complete "Once upon a time"
  rwkv-wasm complete "The wolf" --max-tokens 60 --seed 7
  rwkv-wasm complete - --json < prompt.txt
  rwkv-wasm complete "def main" --model ./model.pth --tokenizer ./rwkv_vocab_v20230424.txt`;

/** Adds the command to the program. */
export function completeCommand(program: Command): void {
  program
    .command('complete')
    .description('continue a text')
    .argument('[prompt]', "the text to continue; '-' reads it from standard input", '')
    .option('-n, --max-tokens <n>', 'at most so many tokens', toNumber, 256)
    .option(
      '-t, --temperature <x>',
      'above 1 wilder, below 1 tamer, 0 always the likeliest token',
      toNumber,
      1,
    )
    .option('--top-p <x>', 'choose among the likeliest tokens of this total probability', toNumber, 0.7)
    .option('--top-k <n>', 'choose among so many of the likeliest tokens (0: all)', toNumber, 0)
    .option('--min-p <x>', "leave out tokens below this share of the likeliest's probability", toNumber, 0)
    .option('--typical-p <x>', 'choose among the most typical tokens of this total probability', toNumber, 1)
    .option('--stop <text>', 'end before this text; may be given more than once', collect)
    .option('--presence-penalty <x>', 'against any repetition', toNumber, 0)
    .option('--frequency-penalty <x>', 'against frequent repetition', toNumber, 0)
    .option('-s, --seed <n>', 'the same seed gives the same text (default: a random one)', toNumber)
    .option('-m, --model <file>', 'path or URL of a model (default: the embedded storyteller)')
    .option('--tokenizer <file>', "path or URL of its vocabulary, or 'bytes'")
    .option('-q, --quantization <type>', quantizationHelp)
    .option('--build <build>', 'WebAssembly build: auto, baseline or relaxed', 'auto')
    .option('--threads <n>', "how many threads compute, or 'auto'", toThreads, 'auto')
    .option('--json', 'print one JSON object at the end instead of the text', false)
    .addHelpText('after', examples)
    .action(complete);
}

async function complete(argument: string, flags: Flags): Promise<void> {
  const { model: source, tokenizer, quantization, build, threads, json, ...sampling } = flags;
  const seed = flags.seed ?? randomSeed();
  const signal = interruptSignal();
  const options = { ...sampling, seed, signal };
  const loadOptions = { quantization, build, threads, tokenizer, signal };
  checkGenerateOptions(options); // before a model is loaded for nothing
  checkLoadOptions(loadOptions);

  const write = (text: string) => json || process.stdout.write(text);
  let info: ModelInfo | undefined;
  let prompt = argument === '-' ? '' : argument;
  let result: CompletionResult | undefined;
  try {
    if (argument === '-') prompt = await readStdin(signal);
    const progress = progressLine();
    const model = await RWKV.load(source, { ...loadOptions, onProgress: progress.show }).finally(
      progress.clear,
    );
    info = model.info;
    const session = await model.createSession({ seed });
    await session.append(prompt, { signal }); // what cannot be read is not written
    write(prompt);
    const completion = session.complete('', options);
    try {
      for await (const text of completion) write(text);
    } finally {
      result = await completion.result;
    }
    await model.dispose();
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  }

  const tokensPerSecond = Math.round((result?.timings.decodeTokensPerSecond ?? 0) * 10) / 10;
  const tokens = result?.tokens ?? [];
  if (json) {
    const { text = '', finishReason = 'aborted', stop } = result ?? {};
    const printed = { prompt, text, tokens, finishReason, stop, seed, tokensPerSecond, model: info ?? null };
    process.stdout.write(`${JSON.stringify(printed)}\n`);
  } else write('\n');
  process.stderr.write(
    `${tokens.length} tokens, ${tokensPerSecond} tok/s, seed ${seed}, ${info?.build ?? 'no'} build\n`,
  );
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

function toNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('It is no number.');
  return value;
}

function toThreads(text: string): number | 'auto' {
  return text === 'auto' ? text : toNumber(text);
}

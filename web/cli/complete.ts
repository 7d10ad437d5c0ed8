// rwkv-wasm complete: a prompt in, its continuation out, as it comes.
import type { Command } from 'commander';
import type { CompletionResult } from '../api.js';
import { checkGenerateOptions, randomSeed } from '../page/options.js';
import { withRecommended } from '../page/sampling.js';
import type { ModelInfo } from '../shared/types.js';
import { writeWhole } from './files.js';
import {
  addModelFlags,
  addSamplingFlags,
  loadModel,
  type ModelFlags,
  recommendedBy,
  type SamplingFlags,
  samplingOptions,
} from './flags.js';
import { interruptCode, interruptSignal, readingLine, readStdin } from './terminal.js';

interface Flags extends ModelFlags, SamplingFlags {
  readonly state?: string;
  readonly saveState?: string;
  readonly echo: boolean;
  readonly json: boolean;
}

const examples = `
Examples:
  rwkv-wasm complete "Once upon a time"
  rwkv-wasm complete "The wolf" --max-tokens 60 --seed 7
  rwkv-wasm complete - --json < prompt.txt
  rwkv-wasm complete "def main" --model ./model.pth --tokenizer ./rwkv_vocab_v20230424.txt
  rwkv-wasm complete "Once upon a time" --save-state ./story.state
  rwkv-wasm complete --state ./story.state`;

/** Adds the command to the program. */
export function completeCommand(program: Command): void {
  const command = program
    .command('complete')
    .description('continue a text')
    .argument('[prompt]', "the text to continue; '-' reads it from standard input", '');
  addModelFlags(addSamplingFlags(command))
    .option('--state <file>', 'go on from a saved session or a tuned state (its chance too, without --seed)')
    .option('--save-state <file>', 'keep the session as it stands at the end, also after Ctrl-C')
    .option('--no-echo', 'print the continuation without the prompt')
    .option('--json', 'print one JSON object at the end instead of the text', false)
    .addHelpText('after', examples)
    .action(complete);
}

async function complete(argument: string, flags: Flags): Promise<void> {
  const { json, state, saveState } = flags;
  // A saved session brings its own chance.
  const seed = flags.seed ?? (state === undefined ? randomSeed() : undefined);
  const signal = interruptSignal();
  const options = { ...samplingOptions(flags), seed, signal };
  checkGenerateOptions(options); // before a model is loaded for nothing

  const write = (text: string) => json || process.stdout.write(text);
  let info: ModelInfo | undefined;
  let prompt = argument === '-' ? '' : argument;
  let result: CompletionResult | undefined;
  try {
    if (argument === '-') prompt = await readStdin(signal);
    const model = await loadModel(flags, signal);
    info = model.info;
    const session = await model.createSession({ seed, state });
    const reading = readingLine();
    // What cannot be read is not written.
    await session.append(prompt, { signal, onProgress: reading.show }).finally(reading.clear);
    if (flags.echo) write(prompt);
    const completion = session.complete('', withRecommended(recommendedBy(model, flags), options));
    try {
      for await (const text of completion) write(text);
    } finally {
      result = await completion.result;
      if (saveState !== undefined) await writeWhole(saveState, await session.save());
    }
    await model.dispose();
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = interruptCode();
  }

  const tokensPerSecond = Math.round((result?.timings.decodeTokensPerSecond ?? 0) * 10) / 10;
  const tokens = result?.tokens ?? [];
  if (json) {
    const { text = '', finishReason = 'aborted', stop } = result ?? {};
    const figures = { seed: seed ?? null, tokensPerSecond, model: info ?? null };
    process.stdout.write(`${JSON.stringify({ prompt, text, tokens, finishReason, stop, ...figures })}\n`);
  } else write('\n');
  const chance = seed === undefined ? "the state's seed" : `seed ${seed}`;
  process.stderr.write(
    `${tokens.length} tokens, ${tokensPerSecond} tok/s, ${chance}, ${info?.build ?? 'no'} build\n`,
  );
}

// rwkv-wasm train: a model from scratch, and its vocabulary, of a file of texts.
import { type Command, Option } from 'commander';
import { learning, newModel, trainVocabulary } from '../learning-node.js';
import { type Model, RWKV } from '../node.js';
import { RwkvError } from '../shared/errors.js';
import { writeWhole } from './files.js';
import { addComputeFlags, type ModelFlags, toNumber } from './flags.js';
import { addRunFlags, addTeachingFlags, type TeachingFlags, teach, teachingDetails } from './teaching.js';
import { progressLine } from './terminal.js';
import type { TuneData } from './tune-data.js';

interface Flags extends TeachingFlags, Pick<ModelFlags, 'build' | 'threads'> {
  readonly layers: number;
  readonly channels: number;
  readonly headSize?: number;
  readonly hidden?: number;
  readonly rwkvVersion: '4' | '5.2' | '6' | '7';
  readonly vocabularySize: number;
}

const details = `
Two files come out, which belong together: the model OUT, and its vocabulary, made of all of DATA, OUT-vocab.txt:
  rwkv-wasm complete --model story.safetensors --tokenizer story-vocab.txt

${teachingDetails.trimStart()}

Examples:
  rwkv-wasm train tales.txt --layers 4 --channels 128 --vocabulary-size 1024 --out story.safetensors --validation 0.05
  rwkv-wasm tune letters.txt --method full --model story.safetensors --tokenizer story-vocab.txt --out letters.safetensors`;

/** Adds the command to the program. */
export function trainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('train a model from scratch on a file of texts; goes on where it was stopped')
    .argument('<data>', 'a .txt or .jsonl file')
    .requiredOption('-o, --out <file>', 'the model; .safetensors, or .pth for programs with PyTorch')
    .requiredOption('--layers <n>', 'how many layers it has', toNumber)
    .requiredOption('--channels <n>', 'how wide they are, a multiple of 32', toNumber)
    .requiredOption('--vocabulary-size <n>', 'tokens: 257, and pieces of words, up to 65536', toNumber)
    .option('--head-size <n>', 'channels of a head (default: 64, or 32 where that does not fit)', toNumber)
    .option('--hidden <n>', 'inner width of the channel mix (default: 3.5 or 4 times the channels)', toNumber)
    .addOption(
      new Option('--rwkv-version <version>', 'which RWKV it is').choices(['4', '5.2', '6', '7']).default('7'),
    );
  addTeachingFlags(command, '0.5 divided by the channels, at most 0.01', '0.01');
  addRunFlags(addComputeFlags(command))
    .addHelpText('after', details)
    .action((file: string, flags: Flags) =>
      teach(file, { learningRate: rateFor(flags.channels), ...flags, method: 'full' }, (data, signal) =>
        fromScratch(data, flags, signal),
      ),
    );
}

// The authors train 768 channels at 0.0006; of 60 KB of tales 64 channels learn twice as much at 0.01 as at 0.001, and 128 more at 0.003.
const rateFor = (channels: number) => 0.5 / Math.max(channels, 50);

// Makes the same of the same data and flags, so that a checkpoint fits when the command goes on.
async function fromScratch(data: TuneData, flags: Flags, signal: AbortSignal): Promise<Model> {
  const { out, layers, channels, headSize, hidden, rwkvVersion, vocabularySize, seed, build, threads } =
    flags;
  const shape = {
    version: rwkvVersion,
    layers,
    channels,
    headSize,
    hidden,
    vocabulary: vocabularySize,
    seed,
  };
  const line = progressLine();
  try {
    const weights = await newModel({ ...shape, signal });
    const vocabulary = await trainVocabulary(data.texts(signal), { size: vocabularySize, signal });
    const tokenizer = new TextEncoder().encode(vocabulary);
    await writeWhole(`${out.replace(/\.(safetensors|pth)$/i, '')}-vocab.txt`, tokenizer);
    const loaded = { tokenizer, quantization: 'f32', build, threads, learning, signal } as const;
    return await RWKV.load(weights, { ...loaded, onProgress: line.show });
  } catch (error) {
    throw inFlags(error);
  } finally {
    line.clear();
  }
}

/** The size of a vocabulary as it was typed. */
function inFlags(error: unknown): unknown {
  if (!(error instanceof RwkvError)) return error;
  const { code, message } = error;
  const typed = message.replace(/^option (size|vocabulary)\b/, '--vocabulary-size');
  return new RwkvError(code, typed, { cause: error });
}

// The flags that commands have in common: which model, and how it chooses its tokens.
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type GenerateOptions,
  type LoadOptions,
  type Model,
  type ModelInfo,
  presets,
  type RecommendedSampling,
  RWKV,
  type ThinkMode,
} from '../node.js';
import { RwkvError } from '../shared/errors.js';
import { quantizations } from '../shared/number-formats.js';
import { progressLine } from './terminal.js';

/** What `addModelFlags` adds. */
export interface ModelFlags {
  readonly model?: string;
  readonly tokenizer?: string;
  readonly quantization?: NonNullable<LoadOptions['quantization']>;
  readonly lora?: string;
  readonly loraAlpha?: number;
  readonly hubEndpoint?: string;
  readonly build: NonNullable<LoadOptions['build']>;
  readonly threads: NonNullable<LoadOptions['threads']>;
  readonly device: NonNullable<LoadOptions['device']>;
}

/** What `addSamplingFlags` adds. */
export interface SamplingFlags extends RecommendedSampling {
  readonly maxTokens?: number;
  readonly preset?: keyof typeof presets;
  readonly stop?: string[];
  readonly seed?: number;
}

const anyQuantization = `${quantizations.slice(0, -1).join(', ')} or ${quantizations.at(-1)}`;

/** What `-q` means to every command. */
export const quantizationHelp = `weights in memory: ${anyQuantization} (default: as a packed file has them, else q8)`;

/** What --hub-endpoint means to every command. A token would be seen by others there: the environment alone says it. */
export const hubEndpointHelp =
  'where hf: names are asked for (default: $HF_ENDPOINT, else https://huggingface.co; $HF_TOKEN says who asks)';

/** -m, --tokenizer, -q, --lora, --hub-endpoint, and where it computes. */
export function addModelFlags(command: Command): Command {
  const named = command
    .option(
      '-m, --model <file>',
      "path, URL or name ('models known' lists them) of a model; its index or any of its numbered files for all (default: the embedded storyteller)",
    )
    .option(
      '--tokenizer <file>',
      "path or URL of its vocabulary, or 'bytes' (default: the file's own, else RWKV World's where it has those tokens)",
    )
    .option('-q, --quantization <type>', quantizationHelp)
    .option('--lora <file>', 'path or URL of adapters that are merged into it')
    .option('--lora-alpha <x>', 'their alpha (default: as the file says)', toNumber)
    .option('--hub-endpoint <url>', hubEndpointHelp);
  return addComputeFlags(named).option(
    '--device <device>',
    'what computes: cpu, gpu (WebGPU, where the package webgpu is installed) or auto, the faster one',
    'cpu',
  );
}

/** --build and --threads. */
export function addComputeFlags(command: Command): Command {
  return command
    .option('--build <build>', 'WebAssembly build: auto, baseline or relaxed', 'auto')
    .option('--threads <n>', "how many threads compute, or 'auto'", toThreads, 'auto');
}

/** What --think says, by its words. */
export const thinking = {
  off: false,
  on: true,
  auto: 'auto',
  fast: 'fast',
  short: 'short',
  long: 'long',
} as const satisfies Record<string, ThinkMode>;

/** -n, -t and all else that says how tokens are chosen and where a text ends. `usual` is what stands for absent flags. */
export function addSamplingFlags(
  command: Command,
  usual: { readonly maxTokens?: number; readonly preset?: keyof typeof presets } = {},
): Command {
  return command
    .option('-n, --max-tokens <n>', 'at most so many tokens', toNumber, usual.maxTokens ?? 256)
    .addOption(
      new Option(
        '--preset <name>',
        `sampling that is known to suit these models; the flags below change it (default: the model's own${usual.preset ? `, else ${usual.preset}` : ''})`,
      ).choices(Object.keys(presets)),
    )
    .option(
      '-t, --temperature <x>',
      'above 1 wilder, below 1 tamer, 0 always the likeliest token (default: 1)',
      toNumber,
    )
    .option(
      '--top-p <x>',
      'choose among the likeliest tokens of this total probability (default: 0.7)',
      toNumber,
    )
    .option('--top-k <n>', 'choose among so many of the likeliest tokens (default: 0, all)', toNumber)
    .option(
      '--min-p <x>',
      "leave out tokens below this share of the likeliest's probability (default: 0)",
      toNumber,
    )
    .option(
      '--typical-p <x>',
      'choose among the most typical tokens of this total probability (default: 1)',
      toNumber,
    )
    .option('--presence-penalty <x>', 'against any repetition (default: 0)', toNumber)
    .option('--frequency-penalty <x>', 'against frequent repetition (default: 0)', toNumber)
    .option('--penalty-decay <x>', 'how fast these two forget, a factor a token (default: 0.996)', toNumber)
    .option('--stop <text>', 'end before this text; may be given more than once', collect)
    .option('-s, --seed <n>', 'the same seed gives the same text (default: a random one)', toNumber);
}

/** The options of `session.complete` that these flags say. */
export function samplingOptions(flags: SamplingFlags): GenerateOptions {
  const said = { ...(flags.preset && presets[flags.preset]), ...flags };
  const { maxTokens, temperature, topP, topK, minP, typicalP, seed, stop } = said;
  const { presencePenalty, frequencyPenalty, penaltyDecay } = said;
  return {
    ...{ maxTokens, temperature, topP, topK, minP, typicalP, seed, stop },
    ...{ presencePenalty, frequencyPenalty, penaltyDecay },
  };
}

/** What stands for sampling flags that are absent: of a preset that was named nothing more, else what the model recommends. */
export function recommendedBy(
  { info }: Model,
  { preset }: SamplingFlags,
  usual?: keyof typeof presets,
): RecommendedSampling | null {
  if (preset !== undefined) return null;
  return info.sampling ?? (usual ? presets[usual] : null);
}

/** The option `lora` of `RWKV.load`, as the flags say it. @throws RwkvError `invalid-argument` */
export function loraOf({
  lora,
  loraAlpha: alpha,
}: Pick<ModelFlags, 'lora' | 'loraAlpha'>): LoadOptions['lora'] {
  if (lora !== undefined) return { source: lora, alpha };
  if (alpha !== undefined) throw new RwkvError('invalid-argument', '--lora-alpha: expected --lora beside it');
  return undefined;
}

/** Loads the model that the flags name, to be taught where `learning` says so, with a line on stderr that shows how it gets on. Throws as `RWKV.load`. */
export async function loadModel(
  flags: Omit<ModelFlags, 'tokenizer'> & Pick<LoadOptions, 'tokenizer'>,
  signal: AbortSignal,
  learning?: LoadOptions['learning'],
): Promise<Model> {
  const { model, tokenizer, quantization, build, threads, device, hubEndpoint } = flags;
  const lora = loraOf(flags);
  const progress = progressLine();
  const hub = { endpoint: hubEndpoint };
  const options = {
    tokenizer,
    quantization,
    lora,
    build,
    threads,
    device,
    hub,
    learning,
    signal,
    onProgress: progress.show,
  };
  const loaded = await RWKV.load(model, options).finally(progress.clear);
  tellWarnings(loaded.info);
  return loaded;
}

/** What its load had to say, on stderr. */
export function tellWarnings({ name, warnings }: ModelInfo): void {
  for (const warning of warnings) process.stderr.write(`rwkv-wasm: ${name}: ${warning}\n`);
}

/** What computes a model. */
export function placeOf({ device, threads, build }: ModelInfo): string {
  if (device === 'gpu') return 'graphics processor';
  return `${threads === 1 ? '1 thread' : `${threads} threads`} of the CPU, ${build} build`;
}

/** A number, as a flag says it. */
export function toNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('It is no number.');
  return value;
}

function toThreads(text: string): number | 'auto' {
  return text === 'auto' ? text : toNumber(text);
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

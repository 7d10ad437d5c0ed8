// rwkv-wasm inspect: what a model file holds, told without reading its weights.
import type { Command } from 'commander';
import { type ModelFile, type RecommendedSampling, RWKV } from '../node.js';
import { hubEndpointHelp } from './flags.js';
import { interruptSignal, megabytes } from './terminal.js';

const examples = `
Examples:
  rwkv-wasm inspect ./rwkv7-g1-0.1b.pth
  rwkv-wasm inspect ./model.gguf --json`;

/** Adds the command to the program. */
export function inspectCommand(program: Command): void {
  program
    .command('inspect')
    .description('tell what a model file holds and how much memory it would take')
    .argument(
      '<file>',
      'path or URL of a model: .pth, .safetensors, .gguf, .bin of rwkv.cpp, or an index (.index.json)',
    )
    .option('--hub-endpoint <url>', hubEndpointHelp)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', examples)
    .action(inspect);
}

interface Flags {
  readonly hubEndpoint?: string;
  readonly json: boolean;
}

async function inspect(file: string, { hubEndpoint, json }: Flags): Promise<void> {
  const model = await RWKV.inspect(file, { hub: { endpoint: hubEndpoint }, signal: interruptSignal() });
  process.stdout.write(json ? `${JSON.stringify(model)}\n` : table(rows(model)));
}

function rows(model: ModelFile): [string, string][] {
  const { heads, headSize, quantization, sampling, memory } = model;
  const types = Object.entries(model.dtypes).map(([name, bytes]) => `${name} ${megabytes(bytes)}`);
  return [
    ['file', `${model.name}, ${model.format}, ${megabytes(model.fileBytes)}`],
    ['version', `RWKV-${model.version}`],
    ['parameters', `${(model.parameters / 1e6).toFixed(1)} million in ${model.tensors} tensors`],
    ['layers', String(model.layers)],
    ['channels', `${model.channels}${heads > 1 ? `, ${heads} heads of ${headSize}` : ''}`],
    ['channel mix', String(model.hidden)],
    ['vocabulary', `${model.vocabulary} tokens`],
    ['tokenizer', model.tokenizer === null ? 'not in the file' : `in the file (${model.tokenizer})`],
    ['weights', types.join(', ')],
    ...(sampling === null ? [] : [['sampling', spelled(sampling)] satisfies [string, string]]),
    ...(quantization === null ? [] : [['packed as', quantization] satisfies [string, string]]),
    [
      'memory',
      Object.entries(memory)
        .map(([name, bytes]) => `${name} ${megabytes(bytes)}`)
        .join(', '),
    ],
  ];
}

function spelled(sampling: RecommendedSampling): string {
  return Object.entries(sampling)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function table(lines: readonly [string, string][]): string {
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

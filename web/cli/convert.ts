// rwkv-wasm convert: any model file in, a packed file out.
import { type Command, Option } from 'commander';
import { presets, type Quantization, RWKV } from '../node.js';
import { checkConvertOptions } from '../page/options.js';
import { writeWhole } from './files.js';
import { hubEndpointHelp, quantizationHelp } from './flags.js';
import { interruptSignal, megabytes, progressLine } from './terminal.js';

interface Flags {
  readonly quantization?: Quantization;
  readonly sampling?: keyof typeof presets;
  readonly hubEndpoint?: string;
  readonly json: boolean;
}

const examples = `
The packed file holds the weights quantised and laid out as the kernels want them, so it loads fastest of all. It is a
.safetensors file that this program reads, and no other.

Examples:
  rwkv-wasm convert ./rwkv7-g1-0.1b.pth ./rwkv7-g1-0.1b-q8.safetensors
  rwkv-wasm convert ./model.gguf ./model-q4.safetensors --quantization q4`;

/** Adds the command to the program. */
export function convertCommand(program: Command): void {
  program
    .command('convert')
    .description('make a packed file of a model file')
    .argument('<file>', 'path or URL of a model')
    .argument('<out>', 'path of the packed file; replaced when all of it is written')
    .option('-q, --quantization <type>', quantizationHelp)
    .addOption(
      new Option(
        '--sampling <preset>',
        'what the packed file recommends (default: what the file does)',
      ).choices(Object.keys(presets)),
    )
    .option('--hub-endpoint <url>', hubEndpointHelp)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', examples)
    .action(convert);
}

async function convert(file: string, out: string, flags: Flags): Promise<void> {
  const { quantization, sampling, hubEndpoint, json } = flags;
  const signal = interruptSignal();
  const progress = progressLine();
  const recommended = sampling && presets[sampling];
  const hub = { endpoint: hubEndpoint };
  const options = { quantization, sampling: recommended, hub, signal, onProgress: progress.show };
  checkConvertOptions(options); // before anything is written
  let written = 0;
  async function* pieces() {
    for await (const piece of RWKV.convert(file, options)) {
      yield piece;
      written += piece.length;
    }
  }
  await writeWhole(out, pieces()).finally(progress.clear);
  if (json) process.stdout.write(`${JSON.stringify({ file, out, bytes: written })}\n`);
  else process.stderr.write(`${out}: ${megabytes(written)}\n`);
}

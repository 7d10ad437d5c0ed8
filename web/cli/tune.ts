// rwkv-wasm tune: teaches a model from a file of texts.
import { type Command, Option } from 'commander';
import { learning } from '../learning-node.js';
import { addModelFlags, loadModel, type ModelFlags, toNumber } from './flags.js';
import { addRunFlags, addTeachingFlags, type TeachingFlags, teach, teachingDetails } from './teaching.js';

interface Flags extends ModelFlags, TeachingFlags {}

const details = `${teachingDetails}

What comes out, as --method says:
  state  a tuned state:  rwkv-wasm complete --state OUT
  lora   an adapter:     rwkv-wasm complete --lora OUT
  full   a model:        rwkv-wasm complete --model OUT

Examples:
  rwkv-wasm tune letters.txt --out letters.safetensors --validation 0.1 --plot loss.svg
  rwkv-wasm tune chats.jsonl --method lora --rank 16 --epochs 2 --out chats.pth --model ./rwkv7-g1-0.1b.pth
  rwkv-wasm perplexity more-letters.txt --state letters.safetensors`;

/** Adds the command to the program. */
export function tuneCommand(program: Command): void {
  const command = program
    .command('tune')
    .description('teach a model from a file of texts; goes on where it was stopped')
    .argument('<data>', 'a .txt or .jsonl file')
    .requiredOption('-o, --out <file>', 'what is learned; .safetensors, or .pth for programs with PyTorch')
    .addOption(
      new Option('--method <name>', 'what is learned').choices(['state', 'lora', 'full']).default('state'),
    );
  addTeachingFlags(command, '0.5 for state, 0.0025 for lora, 0.0001 for full', '0, for full 0.01')
    .option('--rank <n>', 'of adapters (default: 8)', toNumber)
    .option('--alpha <x>', 'of adapters (default: twice the rank)', toNumber)
    .option(
      '--targets <names>',
      'matrices with adapters, such as att.key,ffn.value (default: all six)',
      (names) => names.split(','),
    );
  addRunFlags(addModelFlags(command))
    .addHelpText('after', details)
    .action((file: string, flags: Flags) =>
      teach(file, flags, (_data, signal) => loadModel(withWhole(flags), signal, learning)),
    );
}

/** All weights are learned as they are. */
function withWhole(flags: Flags): Flags {
  return flags.method === 'full' ? { quantization: 'f32', ...flags } : flags;
}

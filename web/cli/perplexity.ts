// rwkv-wasm perplexity: how well a model predicts a text.
import type { Command } from 'commander';
import { RwkvError } from '../shared/errors.js';
import { readText } from './files.js';
import { addModelFlags, loadModel, type ModelFlags } from './flags.js';
import { interruptSignal, readingLine, readStdin } from './terminal.js';

interface Flags extends ModelFlags {
  readonly state?: string;
  readonly json: boolean;
}

const examples = `
Examples:
  rwkv-wasm perplexity story.txt
  rwkv-wasm perplexity letters.txt --state ./letters-state.safetensors
  rwkv-wasm perplexity - --model ./model.pth --tokenizer ./rwkv_vocab_v20230424.txt --json < story.txt`;

/** Adds the command to the program. */
export function perplexityCommand(program: Command): void {
  const command = program
    .command('perplexity')
    .description('tell how well a model predicts a text')
    .argument('<file>', "a text file in UTF-8, or marked as UTF-16; '-' reads standard input");
  addModelFlags(command)
    .option('--state <file>', 'begin from a tuned state')
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', examples)
    .action(perplexity);
}

async function perplexity(file: string, flags: Flags): Promise<void> {
  const signal = interruptSignal();
  const text = file === '-' ? await readStdin(signal) : readText(file);
  if (text === '') throw new RwkvError('invalid-argument', `${file}: expected a text; it is empty`);
  const model = await loadModel(flags, signal);
  const session = await model.createSession({ state: flags.state });
  const reading = readingLine();
  const options = { signal, onProgress: reading.show };
  const { tokens, ...score } = await session.score(text, options).finally(reading.clear);
  await model.dispose();
  const { bytes, bitsPerByte, bitsPerToken, perplexity } = score;
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ file, ...score, tokens: tokens.length })}\n`
      : `perplexity ${perplexity.toFixed(3)}, ${bitsPerByte.toFixed(4)} bits/byte, ${bitsPerToken.toFixed(3)} bits/token ` +
          `(${bytes} bytes, ${tokens.length} tokens)\n`,
  );
}

// rwkv-wasm perplexity: how well a model predicts a text.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { RwkvError, sentence } from '../errors.js';
import { RWKV } from '../node.js';
import type { LoadOptions } from '../options.js';
import { interruptSignal, progressLine, quantizationHelp, readStdin } from './terminal.js';

interface Flags {
  readonly model?: string;
  readonly tokenizer?: string;
  readonly quantization?: NonNullable<LoadOptions['quantization']>;
  readonly json: boolean;
}

const examples = `
Examples:
  rwkv-wasm perplexity story.txt
  rwkv-wasm perplexity - --model ./model.pth --tokenizer ./rwkv_vocab_v20230424.txt --json < story.txt`;

/** Adds the command to the program. */
export function perplexityCommand(program: Command): void {
  program
    .command('perplexity')
    .description('tell how well a model predicts a text')
    .argument('<file>', "a text file in UTF-8; '-' reads standard input")
    .option('-m, --model <file>', 'path or URL of a model (default: the embedded storyteller)')
    .option('--tokenizer <file>', "path or URL of its vocabulary, or 'bytes'")
    .option('-q, --quantization <type>', quantizationHelp)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', examples)
    .action(perplexity);
}

async function perplexity(file: string, { model: source, json, ...options }: Flags): Promise<void> {
  const signal = interruptSignal();
  const text = file === '-' ? await readStdin(signal) : read(file);
  const progress = progressLine();
  const model = await RWKV.load(source, { ...options, signal, onProgress: progress.show }).finally(
    progress.clear,
  );
  const session = await model.createSession();
  const { tokens, ...score } = await session.score(text, { signal });
  await model.dispose();
  const { bytes, bitsPerByte, bitsPerToken, perplexity } = score;
  process.stdout.write(
    json
      ? `${JSON.stringify({ file, ...score, tokens: tokens.length })}\n`
      : `perplexity ${perplexity.toFixed(3)}, ${bitsPerByte.toFixed(4)} bits/byte, ${bitsPerToken.toFixed(3)} bits/token ` +
          `(${bytes} bytes, ${tokens.length} tokens)\n`,
  );
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RwkvError('read-failed', sentence(cause), { cause });
  }
}

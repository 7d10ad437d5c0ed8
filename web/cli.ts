#!/usr/bin/env node
// The command line: one file per command under cli/.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { completeCommand } from './cli/complete.js';
import { convertCommand } from './cli/convert.js';
import { inspectCommand } from './cli/inspect.js';
import { modelsCommand } from './cli/models.js';
import { perplexityCommand } from './cli/perplexity.js';
import { RwkvError, sentence } from './errors.js';

/** Exit codes: 1 something failed, 2 the command line was wrong; the shell's own 130 for Ctrl-C is set by commands. */
const exitFailed = 1;
const exitUsage = 2;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// The settings reach the commands by inheritance, so they come first.
const program = new Command('rwkv-wasm')
  .description('RWKV language models on the CPU, in WebAssembly.')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'rwkv-wasm: ')) })
  .showHelpAfterError('(--help tells more)');
completeCommand(program);
inspectCommand(program);
convertCommand(program);
perplexityCommand(program);
modelsCommand(program);

// A reader that has had enough, such as head, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitUsage;
  else {
    process.stderr.write(`rwkv-wasm: ${sentence(error)}\n`);
    process.exitCode =
      error instanceof RwkvError && error.code === 'invalid-argument' ? exitUsage : exitFailed;
  }
}

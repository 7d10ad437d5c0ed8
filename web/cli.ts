#!/usr/bin/env node
// The command line: one file per command under cli/.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { batchCommand } from './cli/batch.js';
import { benchCommand } from './cli/bench.js';
import { chatCommand } from './cli/chat.js';
import { completeCommand } from './cli/complete.js';
import { convertCommand } from './cli/convert.js';
import { failureOf, plainly } from './cli/failures.js';
import { inspectCommand } from './cli/inspect.js';
import { modelsCommand } from './cli/models.js';
import { perplexityCommand } from './cli/perplexity.js';
import { serveCommand } from './cli/serve.js';
import { interruptCode, paint } from './cli/terminal.js';
import { trainCommand } from './cli/train.js';
import { tuneCommand } from './cli/tune.js';
import { RwkvError } from './shared/errors.js';

const exitFailed = 1;
const exitUsage = 2;

const exitCodes = `
Exit codes:
  0    done
  1    something failed: stderr says what
  2    the command line or an option was wrong
  3    batch: done, but for lines with an error
  130  ended by Ctrl-C (143: by SIGTERM)

Colours only go to terminals; NO_COLOR=1 turns them off.`;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

const name = (stream: NodeJS.WriteStream) => `${paint('red', 'rwkv-wasm:', stream)} `;
const bold = (text: string) => paint('bold', text, process.stdout);

// The settings reach the commands by inheritance, so they come first.
const program = new Command('rwkv-wasm')
  .description('RWKV language models on the CPU, in WebAssembly.')
  .version(version)
  .exitOverride()
  .configureHelp({ styleTitle: bold, styleCommandText: bold })
  .configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, name(process.stderr))),
  })
  .showHelpAfterError('(--help tells more)')
  .addHelpText('after', exitCodes);
completeCommand(program);
chatCommand(program);
batchCommand(program);
inspectCommand(program);
convertCommand(program);
perplexityCommand(program);
tuneCommand(program);
trainCommand(program);
serveCommand(program);
benchCommand(program);
modelsCommand(program);

// A reader that has had enough, such as head, is no error. Nothing can be told of errors of stderr.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  tell(new Error(`standard output: ${plainly(error)}`));
  process.exit(exitFailed);
});
process.stderr.on('error', () => {});

function tell(error: unknown): void {
  process.stderr.write(`${name(process.stderr)}${failureOf(error, program, process.argv)}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitUsage;
  else if (interruptCode() !== undefined) process.exitCode = interruptCode();
  else {
    tell(error);
    process.exitCode =
      error instanceof RwkvError && error.code === 'invalid-argument' ? exitUsage : exitFailed;
  }
}

// rwkv-wasm chat: a conversation at a terminal, or with lines from a pipe.
import { createInterface } from 'node:readline';
import { type Command, Option } from 'commander';
import type { ChatFormat } from '../api.js';
import { formOf, type Template, templateFor } from '../page/chat/template.js';
import { checkGenerateOptions } from '../page/options.js';
import { fileName } from '../page/places.js';
import { withRecommended } from '../page/sampling.js';
import { RwkvError } from '../shared/errors.js';
import { storyteller } from '../storyteller.js';
import { linesOf, textOfLine } from './batch-input.js';
import { messagesOf } from './composing.js';
import { Conversation } from './conversation.js';
import { plainly } from './failures.js';
import { asUtf8 } from './files.js';
import {
  addModelFlags,
  addSamplingFlags,
  loadModel,
  type ModelFlags,
  recommendedBy,
  type SamplingFlags,
  samplingOptions,
  thinking,
} from './flags.js';
import { interruptSignal, paint } from './terminal.js';
import { Wrapping } from './wrapping.js';

interface Flags extends ModelFlags, SamplingFlags {
  readonly system?: string;
  readonly template?: Template;
  readonly think?: keyof typeof thinking;
  readonly state?: string;
}

const commands = `/help          this list
/reset         forget all that was said
/rewind        take the last message back, up to 16 times
/save FILE     keep the conversation
/load FILE     go on with a kept one
/exit          end, as Ctrl-D does
A line that ends with \\ goes on in the next; pasted lines are one message. Arrow keys bring back what was typed.
Ctrl-C stops a reply, a second one ends. A line that begins with // is said with one slash.
`;

const examples = `
At the prompt:
${commands.replace(/^(?=.)/gm, '  ')}
Lines from a pipe are answered one after another. The conversation lives in a state of fixed size, however long it grows.

Examples:
  rwkv-wasm chat --model ./rwkv7-g1-0.1b.pth --tokenizer ./rwkv_vocab_v20230424.txt --think short
  rwkv-wasm chat --model ./model.pth --tokenizer ./rwkv_vocab_v20230424.txt --system "You answer in rhymes."
  echo "Once upon a time" | rwkv-wasm chat --max-tokens 60`;

/** Adds the command to the program. */
export function chatCommand(program: Command): void {
  const command = program
    .command('chat')
    .description('hold a conversation')
    .option('--system <text>', 'what the model is told first')
    .addOption(
      new Option(
        '--template <name>',
        'how messages are written; none: what you write is continued as it stands ' +
          '(default: g1 for models of that name, none for the storyteller, else world)',
      ).choices(['world', 'g1', 'none']),
    )
    .addOption(
      new Option('--think <mode>', 'with the template g1: think before the answer?').choices(
        Object.keys(thinking),
      ),
    )
    .option('--state <file>', 'go on with a conversation that /save kept');
  addModelFlags(addSamplingFlags(command, { maxTokens: 2048, preset: 'chat' }))
    .addHelpText('after', examples)
    .action(chat);
}

async function chat(flags: Flags): Promise<void> {
  const format = formatOf(flags);
  const { system } = flags;
  if (format)
    formOf(format.template, format.think); // before a model is loaded for nothing
  else if (system !== undefined || flags.think !== undefined)
    throw new RwkvError('invalid-argument', '--system and --think need --template world or g1');
  const options = samplingOptions(flags);
  checkGenerateOptions(options);
  const model = await loadModel(flags, interruptSignal());
  const manner = { format, system, options: withRecommended(recommendedBy(model, flags, 'chat'), options) };
  const conversation = await Conversation.begin(model, manner, flags.state);

  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const prompt = paint('green', '> ', process.stdout);
  const terminal = isTerminal
    ? createInterface({ input: process.stdin, output: process.stdout, terminal: true, prompt })
    : undefined;
  let reply: AbortController | undefined; // under way
  let wasInterrupted = false; // since the last line
  let hasEnded = false;
  const end = (code?: number) => {
    hasEnded = true;
    if (code !== undefined) process.exitCode = code;
    reply?.abort();
    if (terminal) terminal.close();
    else process.stdin.destroy();
  };
  const interrupt = () => {
    if (wasInterrupted || !(reply || isTerminal)) return end(130);
    wasInterrupted = true;
    if (reply) reply.abort();
    else {
      process.stdout.write('\n(once more, or /exit, ends)\n');
      terminal?.prompt();
    }
  };
  terminal?.on('SIGINT', interrupt);
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', () => end(143));

  const answer = async (text: string) => {
    reply = new AbortController();
    const wrapping = isTerminal ? new Wrapping(() => process.stdout.columns || 80) : undefined;
    try {
      for await (const piece of conversation.say(text, reply.signal))
        process.stdout.write(wrapping?.push(piece) ?? piece);
    } catch (error) {
      if (!reply.signal.aborted) throw error;
    } finally {
      process.stdout.write(`${wrapping?.rest() ?? ''}\n`);
      reply = undefined;
    }
  };
  const handle = async (line: string) => {
    const [, name, file] = line.includes('\n') ? [] : (/^(\/\w*)(?:\s+(.*?))?\s*$/.exec(line) ?? []);
    if (name === undefined) {
      const text = line.replace(/^\/\//, '/');
      if (text.trim() !== '' || !format) await answer(text);
    } else if (name === '/exit') end();
    else if (name === '/help') process.stdout.write(commands);
    else if (name === '/reset') await conversation.reset();
    else if (name === '/rewind') await conversation.rewind();
    else if (name === '/save' && file) await conversation.save(file);
    else if (name === '/load' && file) await conversation.load(file);
    else if (name === '/save' || name === '/load')
      throw new RwkvError('invalid-argument', `${name}: expected a FILE behind it: ${name} talk.state`);
    else throw new RwkvError('invalid-argument', `${name}: no such command; /help tells more`);
  };

  if (terminal) {
    const manner = format ? '' : ' knows no conversations and continues what you write';
    const hint = `${model.info.name}${manner}: /help tells more, /exit ends\n`;
    process.stdout.write(paint('dim', hint, process.stdout));
    terminal.prompt();
  }
  try {
    for await (const line of terminal
      ? messagesOf(terminal, prompt, paint('green', '. ', process.stdout))
      : linesOf(asUtf8(process.stdin))) {
      wasInterrupted = false;
      try {
        if (!hasEnded) await handle(typeof line === 'string' ? line : textOfLine(line));
      } catch (error) {
        if (error instanceof RwkvError && error.code === 'worker-crashed') throw error;
        process.stderr.write(`${paint('red', 'rwkv-wasm:', process.stderr)} ${plainly(error)}\n`);
        if (!isTerminal) process.exitCode = 1;
      }
      if (hasEnded) break;
      terminal?.prompt();
    }
  } catch (error) {
    if (!hasEnded) throw error; // else it is standard input that was cut off
  }
  terminal?.close();
  await model.dispose();
}

function formatOf({ template, think, model = storyteller.name }: Flags) {
  const chosen = template ?? templateFor({ name: fileName(model) });
  if (chosen === 'none') return undefined;
  return { template: chosen, think: think && thinking[think] } satisfies ChatFormat;
}

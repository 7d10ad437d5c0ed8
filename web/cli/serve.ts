// rwkv-wasm serve: a model behind OpenAI's HTTP API.
import { once } from 'node:events';
import { type Command, Option } from 'commander';
import { createEndpoints } from '../adapters/openai/endpoints.js';
import { type ModelInfo, RWKV } from '../node.js';
import type { ChatTemplate } from '../page/chat/template.js';
import type { Listening } from '../serve/listen.js';
import { isLoopback, originsOf } from '../serve/origins.js';
import type { LoggedRequest } from '../serve/request-log.js';
import { unexpected } from '../shared/errors.js';
import {
  addModelFlags,
  addSamplingFlags,
  loraOf,
  type ModelFlags,
  placeOf,
  type SamplingFlags,
  samplingOptions,
  tellWarnings,
  thinking,
  toNumber,
} from './flags.js';
import { progressLine } from './terminal.js';

interface Flags extends ModelFlags, SamplingFlags {
  readonly port: number;
  readonly host: string;
  readonly apiKey?: string;
  readonly cors?: readonly string[] | true;
  readonly bodyLimit: number;
  readonly parallel: number;
  readonly queue: number;
  readonly grace: number;
  readonly log: boolean;
  readonly name?: string;
  readonly chatTemplate?: ChatTemplate;
  readonly think?: keyof typeof thinking;
}

/** Of requests' bodies, at once. What is made of one takes twice as much. */
const bodyBytes = 2 ** 26;

const examples = `
Sampling flags are what requests start from; their own parameters go before. Requests may name any model: there is one.

Routes: POST /v1/chat/completions, POST /v1/completions, POST /v1/responses, POST /v1/embeddings, GET /v1/models,
GET /v1/models/NAME, GET /health; also without /v1

Examples:
  rwkv-wasm serve --port 8080
  rwkv-wasm serve --model ./model.gguf --quantization q4 --chat-template g1 --max-tokens 1000
  RWKV_WASM_API_KEY=secret rwkv-wasm serve --host 0.0.0.0
  curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' \\
    -d '{ "prompt": "Once upon a time", "max_tokens": 40, "stream": true }'`;

/** Adds the command to the program. */
export function serveCommand(program: Command): void {
  const command = program
    .command('serve')
    .description("answer HTTP requests in the form of OpenAI's API")
    .option('-p, --port <n>', 'the port to listen at; 0: one that is free', toNumber, 8080)
    .option('--host <address>', 'the address to listen at; 0.0.0.0: all of the machine', '127.0.0.1')
    .addOption(
      new Option('--api-key <key>', 'what requests must carry as Authorization: Bearer KEY').env(
        'RWKV_WASM_API_KEY',
      ),
    )
    .option(
      '--cors [origin]',
      'let pages of this origin ask (of any, without one); more than once, or behind commas',
      several,
    )
    .option('--body-limit <bytes>', 'how large a request may be', toNumber, 2 ** 20)
    .option('--parallel <n>', 'how many texts are generated at once; more wait', toNumber, 64)
    .option(
      '--queue <n>',
      'how many requests may be here at once; others are told to ask again later',
      toNumber,
      256,
    )
    .option('--grace <seconds>', 'how long replies may still run after SIGTERM or Ctrl-C', toNumber, 10)
    .option('--log', 'a line on stderr for each request when it has ended', false)
    .option('--name <name>', "the model's name in answers (default: its file's)");
  addModelFlags(command);
  command
    .addOption(
      new Option(
        '--chat-template <name>',
        'how conversations are written (default: g1 for models of that name, else world)',
      ).choices(['world', 'g1']),
    )
    .addOption(
      new Option('--think <mode>', 'with the template g1: think before the answer?').choices(
        Object.keys(thinking),
      ),
    );
  addSamplingFlags(command).addHelpText('after', examples).action(serve);
}

async function serve(flags: Flags): Promise<void> {
  const { port, host, bodyLimit, queue, grace, apiKey, log } = flags;
  check('--port', port, 0, 65535);
  check('--body-limit', bodyLimit, 1, 2 ** 30);
  check('--queue', queue, 1, 2 ** 16);
  check('--grace', grace, 0, 2 ** 20);
  if (apiKey !== undefined && !/^[!-~]+$/.test(apiKey))
    throw unexpected('--api-key', 'letters, digits and signs without blanks', '...');

  // Other commands do not wait for these.
  const [{ createApp }, { listen }, { logLine }, { grammar }] = await Promise.all([
    import('../serve/app.js'),
    import('../serve/listen.js'),
    import('../serve/request-log.js'),
    import('../grammar-node.js'),
  ]);
  const progress = progressLine();
  const { tokenizer, quantization, build, threads, device, hubEndpoint, name, parallel, think } = flags;
  const template = flags.chatTemplate ?? (think === undefined ? undefined : 'g1');
  const endpoints = createEndpoints((source, options) => RWKV.load(source, options), flags.model, {
    ...{ tokenizer, quantization, build, threads, device, grammar, name, parallel },
    hub: { endpoint: hubEndpoint },
    lora: loraOf(flags),
    onProgress: progress.show,
    chat: { ...(template && { template }), ...(think && { think: thinking[think] }) },
    defaults: samplingOptions(flags),
    usesRecommended: flags.preset === undefined,
  });
  const shutdown = new AbortController();
  const app = createApp({
    ...{ endpoints, apiKey, bodyLimit, shutdown: shutdown.signal },
    origins: originsOf(flags.cors === true ? [true] : (flags.cors ?? [])),
    host,
    limits: { requests: queue, bytes: Math.max(bodyBytes, bodyLimit) },
    ...(log && { onEnd: (request: LoggedRequest) => process.stderr.write(`${logLine(request)}\n`) }),
    log: (line) => process.stderr.write(`rwkv-wasm: ${line}\n`),
  });

  // Whoever comes before the model is loaded waits for it.
  const server = await listen(app.fetch, host, port);
  let info: ModelInfo;
  try {
    ({ info } = await endpoints.load().finally(progress.clear));
  } catch (error) {
    server.cut();
    await server.close();
    throw error;
  }
  tellWarnings(info);
  if (!isLoopback(host) && apiKey === undefined)
    process.stderr.write(`rwkv-wasm: whoever reaches ${host} can use it: --api-key asks for a key\n`);
  const heard = new AbortController();
  const signals = ['SIGTERM', 'SIGINT'].map((name) => once(process, name, { signal: heard.signal }));
  process.stdout.write(`rwkv-wasm: listening on ${server.url} (${summary(info)})\n`);
  await Promise.race(signals);
  heard.abort(); // another one ends the process as usual
  await close(server, shutdown, grace);
  await endpoints.dispose();
}

function summary(info: ModelInfo): string {
  return `${info.name}, ${info.quantization}, ${placeOf(info)}`;
}

// Replies have some seconds to end; then they are ended, told so, and at last cut off. A second signal ends the process.
async function close(server: Listening, shutdown: AbortController, grace: number): Promise<void> {
  const reason = new Error('the server is shutting down');
  const end = setTimeout(() => shutdown.abort(reason), grace * 1000);
  const cut = setTimeout(() => server.cut(), grace * 1000 + 2000);
  await server.close();
  clearTimeout(end);
  clearTimeout(cut);
}

function several(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function check(flag: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw unexpected(flag, `an integer from ${least} to ${most}`, value);
}

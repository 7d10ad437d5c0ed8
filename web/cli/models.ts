// rwkv-wasm models: what was downloaded, and what becomes of it.
import type { Command } from 'commander';
import { knownModels, RwkvError, type StoredFile, store } from '../node.js';
import { hubEndpointHelp } from './flags.js';
import { interruptSignal, megabytes, progressLine } from './terminal.js';

interface Json {
  readonly json: boolean;
}

const examples = `
Models that are loaded from the network are kept in $RWKV_WASM_CACHE, else in rwkv-wasm of $XDG_CACHE_HOME or ~/.cache.

Examples:
  rwkv-wasm models known
  rwkv-wasm models download rwkv7-g1-0.1b
  rwkv-wasm models download hf:BlinkDL/rwkv7-g1/rwkv7-g1d-0.1b-20260129-ctx8192.pth
  rwkv-wasm models list --json
  rwkv-wasm models delete https://example.com/model.pth
  rwkv-wasm models delete --all`;

/** Adds the command to the program. */
export function modelsCommand(program: Command): void {
  const models = program
    .command('models')
    .description('list, download and delete stored models')
    .addHelpText('after', examples);
  models
    .command('list')
    .description('list the stored files, the last used first')
    .option('--json', 'print one JSON array', false)
    .action(list);
  models
    .command('known')
    .description('list the published models that have a name, and what each is')
    .option('--json', 'print one JSON array', false)
    .action(known);
  models
    .command('download')
    .description('download a file into the store, or the rest of one')
    .argument('<url>', 'a URL, hf:owner/repository/file@revision, or the name of a known model')
    .option('--sha256 <digits>', 'the SHA-256 that the file must have')
    .option('--hub-endpoint <url>', hubEndpointHelp)
    .option('--json', 'print one JSON object', false)
    .action(download);
  models
    .command('delete')
    .description('delete a stored file')
    .argument('[url]', 'its URL, shorthand or name')
    .option('--all', 'delete all of them', false)
    .option('--json', 'print one JSON object', false)
    .action(remove);
  models
    .command('usage')
    .description('tell how much the stored files take')
    .option('--json', 'print one JSON object', false)
    .action(usage);
}

function known({ json }: Json): void {
  const width = Math.max(...knownModels.map(({ name }) => name.length));
  const lines = knownModels.map(({ name, bytes, date, context, vocabulary, licence }) => {
    const facts = [...(context ? [`context ${context}`] : []), `${vocabulary} vocabulary`, licence];
    return `${name.padEnd(width)}  ${megabytes(bytes).padStart(9)}  ${date}  ${facts.join(', ')}\n`;
  });
  process.stdout.write(json ? `${JSON.stringify(knownModels)}\n` : lines.join(''));
}

async function list({ json }: Json): Promise<void> {
  const files = await store.list();
  process.stdout.write(json ? `${JSON.stringify(files)}\n` : files.map(line).join(''));
  if (files.length === 0) process.stderr.write('nothing is stored\n');
}

interface DownloadFlags extends Json {
  readonly sha256?: string;
  readonly hubEndpoint?: string;
}

async function download(url: string, { json, sha256, hubEndpoint }: DownloadFlags): Promise<void> {
  const signal = interruptSignal();
  const progress = progressLine();
  try {
    const options = { sha256, hub: { endpoint: hubEndpoint }, signal, onProgress: progress.show };
    const file = await store.download(url, options).finally(progress.clear);
    process.stdout.write(json ? `${JSON.stringify(file)}\n` : line(file));
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  }
}

async function remove(
  url: string | undefined,
  { all, json }: Json & { readonly all: boolean },
): Promise<void> {
  if (all === (url !== undefined)) throw new RwkvError('invalid-argument', 'expected either a URL or --all');
  const isDeleted = url === undefined ? await store.clear().then(() => true) : await store.delete(url);
  if (json) process.stdout.write(`${JSON.stringify({ deleted: isDeleted })}\n`);
  if (isDeleted) return;
  throw new RwkvError('not-stored', `${url}: it is not in the store`);
}

async function usage({ json }: Json): Promise<void> {
  const found = await store.usage();
  const { bytes, quota } = found;
  const text = `${megabytes(bytes)}${quota === undefined ? '' : ` of ${megabytes(quota)}`}\n`;
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : text);
}

function line({ url, name, bytes, complete, packed, lastUsed }: StoredFile): string {
  const notes = [...(complete ? [] : ['partial']), ...(packed ? [`packed for ${packed}`] : [])].join(', ');
  const used = lastUsed.toISOString().slice(0, 10);
  return `${megabytes(bytes).padStart(10)}  ${used}  ${url || name}${notes && `  (${notes})`}\n`;
}

// A file that someone chose and that is not loaded yet: what it holds, and what loading it needs.
import { signal } from '@preact/signals';
import { get, set } from 'idb-keyval';
import { type LoadOptions, type ModelFile, type Quantization, RWKV } from 'rwkv-wasm';
import { sentence } from '../format.js';
import { load, tell, underWay } from './loaded.js';

export type Vocabulary = NonNullable<LoadOptions['tokenizer']>;

export interface Opening {
  readonly name: string;
  readonly source: File | string | readonly File[];
  /** What is in the file, once that is known, or why it cannot be told. */
  readonly file?: ModelFile;
  readonly problem?: string;
  readonly quantization: Quantization;
}

export const opening = signal<Opening | undefined>(undefined);
/** The last vocabulary that was given: it serves every model of its kind, and stays in the browser. */
export const vocabulary = signal<GivenVocabulary | undefined>(undefined);

interface GivenVocabulary {
  readonly name: string;
  readonly source: Vocabulary;
}

get<GivenVocabulary>('vocabulary').then(
  (kept) => {
    vocabulary.value ??= kept;
  },
  () => {}, // a browser that keeps nothing
);

/** Takes files as they come: a vocabulary, a model, of which there may be several files, or both. */
export async function take(files: readonly File[]): Promise<void> {
  for (const file of files) {
    if (!isVocabulary(file)) continue;
    vocabulary.value = { name: file.name, source: file };
    set('vocabulary', vocabulary.value).catch(() => {});
    tell(`${file.name} will be the vocabulary of the next model that needs one.`);
  }
  const found = files.filter(({ name }) => /\.(pth|safetensors|st|gguf|bin|index\.json)$/i.test(name));
  if (found[0]) await inspect(found[0].name, found.length === 1 ? found[0] : found);
  else if (files.length > 0 && !files.some(isVocabulary))
    tell('A model is a .pth, .safetensors, .gguf or .bin file; a vocabulary is a .txt or .json file.');
}

function isVocabulary({ name }: File): boolean {
  return /(?<!\.index)\.json$|\.txt$/i.test(name);
}

/** Looks into a file, or the files of one model. One from another site comes into the store for that. */
export async function inspect(name: string, source: Opening['source']): Promise<void> {
  const first: Opening = { name, source, quantization: 'q8' };
  opening.value = first;
  tell('');
  let found: Opening | undefined;
  try {
    const file = await underWay('look', name, (hooks) => RWKV.inspect(source, hooks));
    found = file && { ...first, file, quantization: file.quantization ?? 'q8' };
  } catch (error) {
    found = { ...first, problem: sentence(error) };
  }
  if (opening.value === first) opening.value = found;
}

/** What the file of an opening still lacks. */
export function lacksVocabulary({ file }: Opening): boolean {
  return file !== undefined && file.tokenizer === null && !isWorld(file) && vocabulary.value === undefined;
}

/** Whether the vocabulary that comes by itself is that of the file's tokens. */
export function isWorld({ vocabulary: tokens }: ModelFile): boolean {
  return tokens === 65536;
}

/** Loads what was opened. */
export async function loadOpening(): Promise<void> {
  const chosen = opening.value;
  if (!chosen?.file) return;
  const { name, source, file, quantization } = chosen;
  const isByte = file.vocabulary === 256;
  const tokenizer =
    file.tokenizer === null ? (vocabulary.value?.source ?? (isByte ? 'bytes' : undefined)) : undefined;
  if (await load(name, source, { quantization, tokenizer })) opening.value = undefined;
}

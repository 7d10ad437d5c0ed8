// Makes models of the AI SDK.

import { checkFormat, type TranscriptFormat } from '../../page/chat/template.js';
import type { RWKV } from '../../page/load.js';
import { checkGenerateOptions, type GenerateOptions, type LoadOptions } from '../../page/options.js';
import { fileName } from '../../page/places.js';
import { optionsOf } from '../../page/rules.js';
import { unexpected } from '../../shared/errors.js';
import { isUrl } from '../../shared/realms.js';
import { storyteller } from '../../storyteller.js';
import { LazyModel, type ModelOrSource } from '../shared/lazy-model.js';
import { RwkvEmbeddingModel } from './embedding-model.js';
import { RwkvLanguageModel } from './model.js';
import { type RwkvLanguageModelV2, version2 } from './version2.js';

/** Options of `rwkv`; those of `RWKV.load` are for a model that it loads. */
export interface RwkvSettings extends LoadOptions, TranscriptFormat {
  /** The specification that the model speaks: `'v4'` is that of `ai` 7, `'v2'` that of `ai` 5, which 6 knows too. Default: `'v4'`. */
  specification?: 'v2' | 'v4' | undefined;
  /** The model's name, `modelId`. Default: its file's. */
  name?: string | undefined;
  /** Options of `session.complete` that requests start from. Default: `{ maxTokens: 1024 }`. */
  defaults?:
    | Omit<GenerateOptions, 'signal' | 'echo' | 'logprobs' | 'topLogprobs' | 'keepPartial'>
    | undefined;
}

/** `rwkvEmbedding` of a host. */
export type RwkvEmbeddingMaker = (
  model?: ModelOrSource,
  settings?: LoadOptions & Pick<RwkvSettings, 'name'>,
) => RwkvEmbeddingModel;

export function rwkvEmbeddingMaker(load: RWKV['load']): RwkvEmbeddingMaker {
  return (model, settings = {}) => {
    const { name, ...loadOptions } = optionsOf(settings);
    checkName(name);
    return new RwkvEmbeddingModel(name ?? nameOf(model), new LazyModel(load, model, loadOptions));
  };
}

/** `rwkv` of a host. */
export interface RwkvMaker {
  (model: ModelOrSource, settings: RwkvSettings & { readonly specification: 'v2' }): RwkvLanguageModelV2;
  (
    model?: ModelOrSource,
    settings?: RwkvSettings & { readonly specification?: 'v4' | undefined },
  ): RwkvLanguageModel;
}

export function rwkvMaker(load: RWKV['load']): RwkvMaker {
  function make(
    model: ModelOrSource,
    settings: RwkvSettings & { readonly specification: 'v2' },
  ): RwkvLanguageModelV2;
  function make(
    model?: ModelOrSource,
    settings?: RwkvSettings & { readonly specification?: 'v4' | undefined },
  ): RwkvLanguageModel;
  function make(model?: ModelOrSource, settings: RwkvSettings = {}): RwkvLanguageModel | RwkvLanguageModelV2 {
    const { specification = 'v4', ...others } = optionsOf(settings);
    if (specification !== 'v2' && specification !== 'v4')
      throw unexpected('option specification', "'v2' or 'v4'", specification);
    const made = makeModel(load, model, others);
    return specification === 'v2' ? version2(made) : made;
  }
  return make;
}

function makeModel(
  load: RWKV['load'],
  model: ModelOrSource,
  settings: Omit<RwkvSettings, 'specification'>,
): RwkvLanguageModel {
  const { template, think, name, defaults: given = {}, ...loadOptions } = settings;
  const format: TranscriptFormat = { template, think };
  const defaults: GenerateOptions = { maxTokens: 1024, ...given };
  checkGenerateOptions(defaults);
  checkName(name);
  checkFormat(format);
  return new RwkvLanguageModel(
    name ?? nameOf(model),
    new LazyModel(load, model, loadOptions),
    format,
    defaults,
  );
}

function checkName(name: unknown): void {
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw unexpected('option name', 'a text that is not empty', name);
}

function nameOf(model: ModelOrSource): string {
  if (model === undefined) return storyteller.name;
  if (typeof model === 'string' || isUrl(model))
    return /^data:/i.test(String(model)) ? 'data' : fileName(String(model));
  if ('info' in model) return model.info.name;
  return 'name' in model && typeof model.name === 'string' ? model.name : 'rwkv';
}

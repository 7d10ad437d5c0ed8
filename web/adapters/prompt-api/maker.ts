// Makes what stands in for the global `LanguageModel`.

import { checkFormat, type TranscriptFormat } from '../../page/chat/template.js';
import { Transcript } from '../../page/chat/transcript.js';
import type { RWKV } from '../../page/load.js';
import {
  checkGenerateOptions,
  checkSessionOptions,
  type GenerateOptions,
  type LoadOptions,
} from '../../page/options.js';
import { optionsOf } from '../../page/rules.js';
import type { LoadProgress } from '../../shared/types.js';
import { LazyModel, type ModelOrSource } from '../shared/lazy-model.js';
import { link } from '../shared/signals.js';
import { exception, toException } from './errors.js';
import { checkPrompt } from './messages.js';
import { DownloadMonitor } from './monitor.js';
import { checkSampling, checkSignal, dictionary, paramsOf, unsupportedIn } from './options.js';
import { PromptApiSession, readText } from './session.js';
import type {
  Availability,
  LanguageModelCreateCoreOptions,
  LanguageModelCreateOptions,
  LanguageModelFactory,
} from './types.js';

/** Options of `languageModel`; those of `RWKV.load` are for a model that it loads. */
export interface LanguageModelSettings extends LoadOptions, TranscriptFormat {
  /** Options of `session.complete` that replies start from. Default: `{ maxTokens: 1024 }`. */
  defaults?:
    | Omit<GenerateOptions, 'signal' | 'seed' | 'echo' | 'logprobs' | 'topLogprobs' | 'keepPartial'>
    | undefined;
  /** Where the chance of each session begins; reply n draws from seed + n. Default: a random one for each session. */
  seed?: number | undefined;
}

/** `languageModel` of a host. */
export type LanguageModelMaker = (
  model?: ModelOrSource,
  settings?: LanguageModelSettings,
) => LanguageModelFactory;

export function languageModelMaker(load: RWKV['load']): LanguageModelMaker {
  return (model, settings = {}) => makeLanguageModel(load, model, settings);
}

function makeLanguageModel(
  load: RWKV['load'],
  model: ModelOrSource,
  settings: LanguageModelSettings,
): LanguageModelFactory {
  const { template, think, defaults: given = {}, seed, ...loadOptions } = optionsOf(settings);
  const defaults: GenerateOptions = { maxTokens: 1024, ...given };
  checkGenerateOptions(defaults);
  checkSessionOptions({ seed });
  checkFormat({ template, think });
  const lazy = new LazyModel(load, model, loadOptions);

  async function create(options: LanguageModelCreateOptions): Promise<PromptApiSession> {
    const sampling = checkSampling(options, defaults);
    const { turns, prefix } = checkPrompt(options.initialPrompts ?? []);
    const unsupported = unsupportedIn(options);
    if (unsupported) throw exception('NotSupportedError', unsupported);
    const { signal, release } = link(checkSignal(options));
    try {
      signal.throwIfAborted();
      const monitor = new DownloadMonitor();
      options.monitor?.(monitor);
      monitor.tell(0);
      const loaded = await lazy.get(signal, (progress) => monitor.tell(shareOf(progress)));
      monitor.tell(1);
      const transcript = new Transcript({ template, think }, loaded.info.name);
      const session = await loaded.createSession().catch((error) => {
        lazy.failed(loaded, error);
        throw error;
      });
      try {
        const initial = options.initialPrompts?.length ? turns : [];
        const begun =
          prefix === undefined ? initial : [...turns, { role: 'assistant' as const, content: prefix }];
        const setup = {
          transcript,
          sampling,
          seed,
          countTokens: async (text: string) => (await loaded.tokenize(text)).length,
          failed: (error: unknown) => lazy.failed(loaded, error),
        };
        const readTokens = await readText(session, transcript.closed(begun), signal);
        signal.throwIfAborted();
        return new PromptApiSession(setup, { session, unread: '', readTokens, replyTokens: 0, replies: 0 });
      } catch (error) {
        await session.dispose();
        throw error;
      }
    } finally {
      release();
    }
  }

  return {
    async availability(given: LanguageModelCreateCoreOptions = {}): Promise<Availability> {
      const options = dictionary(given, {});
      checkSampling(options, defaults);
      if (unsupportedIn(options)) return 'unavailable';
      if (lazy.state === 'loaded' || !lazy.isRemote) return 'available';
      return lazy.state === 'loading' ? 'downloading' : 'downloadable';
    },
    async create(given: LanguageModelCreateOptions = {}) {
      const options = dictionary(given, {});
      try {
        const session = await create(options);
        const { signal } = options;
        signal?.addEventListener('abort', () => session.endWith(signal.reason), { once: true });
        return session;
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        throw toException(error);
      }
    },
    params: async () => paramsOf(defaults),
    dispose: () => lazy.dispose(),
    [Symbol.hasInstance]: (value) => value instanceof PromptApiSession,
  };
}

// Loading follows the download; where the size is not known there is no telling.
function shareOf({ stage, loaded, total }: LoadProgress): number {
  if (stage === 'load' || !total) return 0;
  return loaded / total;
}

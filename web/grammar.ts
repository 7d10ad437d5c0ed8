/**
 * What rules texts by grammars and JSON schemas: an engine in a worker of its own, which apps carry that import it.
 *
 * @packageDocumentation
 */
import { Engine } from './page/grammar/engine.js';
import type { GrammarEngine } from './page/grammar-engine.js';
import { spawnWeb } from './page/web-worker.js';
import { startFromElsewhere } from './shared/module-worker.js';

export type { GrammarEngine } from './page/grammar-engine.js';

const file = 'grammar-worker-web.js';

/**
 * The grammar engine, for all models of the page or process:
 *
 * ```ts
 * const model = await RWKV.load(source, { grammar });
 * const session = await model.createSession();
 * const { text } = await session.complete('Colours:', { jsonSchema: { type: 'array', items: { type: 'string' } } }).result;
 * ```
 *
 * It starts with the first text that it rules and ends with the last model that it rules texts of. Its script lies where `assetBase` or
 * `grammarWorkerUrl` of the load says, `grammar-worker-web.js`, in Node `grammar-worker-node.js`.
 */
export const grammar: GrammarEngine = /* @__PURE__ */ new Engine((events, workerUrl) =>
  spawnWeb(
    events,
    workerUrl,
    () =>
      startFromElsewhere(file, import.meta.url) ??
      new Worker(new URL('./grammar-worker-web.js', import.meta.url), { type: 'module' }),
    'options assetBase and grammarWorkerUrl say where it is',
  ),
);

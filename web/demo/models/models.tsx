// The tab of models: the one that writes, those one can have, those that are kept.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { KnownModel } from 'rwkv-wasm';
import { bytes, duration } from '../format.js';
import { demands, moreModels, offered, pagesOf } from './catalogue.js';
import { load, loading, pause } from './loaded.js';
import { Opened } from './opened.js';
import { inspect, take, vocabulary } from './opening.js';
import { refreshStored, usage } from './stored.js';
import { StoredFiles } from './stored-files.js';

export function Models() {
  return (
    <div class="models">
      <Loading />
      <Opened />
      <section aria-labelledby="own-heading">
        <h2 id="own-heading">Open a model</h2>
        <p class="lead">
          Files of RWKV 4 to 7 as they were published: .pth, .safetensors, .gguf, .bin. Drop them anywhere on
          the page. They stay on this machine.
        </p>
        <div class="open-ways">
          <label class="button file">
            Choose files
            <input
              type="file"
              multiple
              accept=".pth,.safetensors,.st,.gguf,.bin,.txt,.json"
              onChange={({ currentTarget }) => {
                void take([...(currentTarget.files ?? [])]);
                currentTarget.value = '';
              }}
            />
          </label>
          <ByAddress />
        </div>
        {vocabulary.value && <p class="hint">Vocabulary at hand: {vocabulary.value.name}</p>}
      </section>
      <StoredFiles />
      <section aria-labelledby="known-heading">
        <h2 id="known-heading">Known models</h2>
        <p class="lead">
          They lie on other sites, which are asked only when you press Get; what comes is checked by its
          SHA-256. A file that was fetched by hand can be dropped here as well.
        </p>
        <ul class="rows">
          <li>
            <div>
              <strong>Storyteller</strong>
              <small>RWKV-7, 8.0 M parameters · 5.9 MB · CC0 · part of this page</small>
            </div>
            <div class="row-actions">
              <button
                type="button"
                aria-label="Load the storyteller"
                onClick={() => void load('Storyteller', undefined)}
              >
                Load
              </button>
            </div>
          </li>
          {offered.map((known) => (
            <Known key={known.file} known={known} />
          ))}
        </ul>
        <p class="hint">
          More:{' '}
          {moreModels.map(({ name, page }, i) => (
            <>
              {i > 0 && ', '}
              <a href={page} rel="noreferrer external" target="_blank">
                {name}
              </a>
            </>
          ))}
        </p>
      </section>
    </div>
  );
}

function Known({ known }: { known: KnownModel }) {
  const { name, licence } = known;
  const { quota, bytes: used = 0 } = usage.value ?? {};
  const { memory, problem } = demands(known, quota === undefined ? undefined : quota - used);
  return (
    <li>
      <div>
        <strong>{name}</strong>
        <small>
          {bytes(known.bytes)} to fetch, from {bytes(memory)} of memory · {known.date} · {licence}
          {pagesOf(known).map((page) => (
            <>
              {' · '}
              <a href={page.href} rel="noreferrer external" target="_blank">
                {page.hostname}
              </a>
            </>
          ))}
          {problem && <em> · {problem}</em>}
        </small>
      </div>
      <div class="row-actions">
        <button
          type="button"
          disabled={loading.value !== undefined}
          onClick={() => void inspect(name, name)}
          aria-label={`Get ${name}`}
        >
          Get
        </button>
      </div>
    </li>
  );
}

function ByAddress() {
  const address = useSignal('');
  return (
    <form
      class="by-address"
      onSubmit={(event) => {
        event.preventDefault();
        const url = address.value.trim();
        if (url !== '') void inspect(decodeURIComponent(url.split(/[?#]/)[0]?.split('/').at(-1) || url), url);
      }}
    >
      <input
        type="text"
        inputMode="url"
        aria-label="Address of a model file"
        placeholder="https://…, hf:owner/repository/file or a name"
        value={address.value}
        onInput={({ currentTarget }) => {
          address.value = currentTarget.value;
        }}
      />
      <button type="submit">Open</button>
    </form>
  );
}

function Loading() {
  const now = loading.value;
  useEffect(() => void refreshStored(), [now === undefined]);
  if (!now) return null;
  const { name, stage, loaded, total, rate, left } = now;
  const parts = [
    total === undefined ? bytes(loaded) : `${bytes(loaded)} of ${bytes(total)}`,
    ...(rate === undefined ? [] : [`${bytes(rate)}/s`]),
    ...(left === undefined ? [] : [`${duration(left)} to go`]),
  ];
  return (
    <section class="loading" aria-label={`Loading ${name}`}>
      <p>
        <strong>{name}</strong> {stage === 'download' ? 'is coming' : 'is being read'}
      </p>
      <progress aria-label="Progress" max={total ?? 1} value={total === undefined ? undefined : loaded} />
      <p class="loading-facts">
        <span>{parts.join(' · ')}</span>
        <button type="button" onClick={pause}>
          Pause
        </button>
      </p>
    </section>
  );
}

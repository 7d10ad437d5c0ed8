// The page: its head, its tabs, and the line that tells what happens.
import { useRef } from 'preact/hooks';
import { Ask } from './ask.js';
import { Chat } from './chat/chat.js';
import { useHeight } from './foot.js';
import { bytes, count } from './format.js';
import { Look } from './look/look.js';
import { DropZone } from './models/drop-zone.js';
import { loading, model, modelName, notice } from './models/loaded.js';
import { Models } from './models/models.js';
import { type Theme, theme } from './settings/settings.js';
import { Settings } from './settings/settings-tab.js';
import { goTo, tab, tabs } from './tabs.js';
import { Teach } from './teach/teach.js';
import { Update } from './update.js';
import { Write } from './write/write.js';

export function App() {
  return (
    <>
      <header>
        <h1>
          <Mark />
          Storyteller
        </h1>
        <Tabs />
        <ThemeSwitch />
      </header>
      <main>
        <div role="tabpanel" id="panel-write" aria-labelledby="tab-write" hidden={tab.value !== 'write'}>
          <Write />
        </div>
        {tab.value !== 'write' && (
          <div role="tabpanel" id={`panel-${tab.value}`} aria-labelledby={`tab-${tab.value}`} class="page">
            {tab.value === 'look' && <Look />}
            {tab.value === 'models' && <Models />}
            {tab.value === 'chat' && <Chat />}
            {tab.value === 'teach' && <Teach />}
            {tab.value === 'settings' && <Settings />}
          </div>
        )}
      </main>
      <Foot />
      <DropZone />
      <Ask />
    </>
  );
}

function Foot() {
  const foot = useHeight<HTMLElement>('--foot');
  const { text, isError, undo } = notice.value;
  return (
    <footer ref={foot}>
      <p id="status" role="status" class={isError ? 'error' : ''}>
        {text}
      </p>
      {undo && (
        <button type="button" class="quiet" onClick={undo}>
          Undo
        </button>
      )}
      <Update />
      <Standing />
    </footer>
  );
}

function Tabs() {
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = tabs.findIndex(({ id }) => id === tab.value);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    goTo(next.id);
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div role="tablist" aria-label="Storyteller" ref={list} onKeyDown={onKeyDown}>
      {tabs.map(({ id, label }) => (
        <button
          type="button"
          role="tab"
          key={id}
          id={`tab-${id}`}
          aria-selected={tab.value === id}
          aria-controls={tab.value === id ? `panel-${id}` : undefined}
          tabIndex={tab.value === id ? 0 : -1}
          onClick={() => goTo(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

const nextTheme: Readonly<Record<Theme, Theme>> = { system: 'dark', dark: 'light', light: 'system' };
const signs: Readonly<Record<Theme, string>> = { system: '◐', dark: '☾', light: '☼' };

function ThemeSwitch() {
  return (
    <button
      type="button"
      class="theme quiet"
      aria-label={`Colours: ${theme.value}`}
      title={`Colours: ${theme.value}`}
      onClick={() => {
        theme.value = nextTheme[theme.value];
      }}
    >
      <span aria-hidden="true">{signs[theme.value]}</span>
    </button>
  );
}

function Standing() {
  const info = model.value?.info;
  if (!info) return <p class="standing">{loading.value ? 'One moment' : ''}</p>;
  const threads = info.threads === 1 ? '1 thread' : `${info.threads} threads`;
  const computes = info.device === 'gpu' ? 'graphics processor' : `${info.build}, ${threads}`;
  return (
    <p class="standing">
      {modelName.value} · RWKV-{info.version} · {count(info.parameters)} · {bytes(info.bytes)} · {computes}
    </p>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <rect width="32" height="32" rx="9" fill="var(--accent)" />
      <path d="M9 23c2-9 6-14 14-15-1 8-6 12-12 12l-2 3z" fill="var(--on-accent)" />
    </svg>
  );
}

// What the model added is kept or discarded: by keys that answer wherever the focus is in the tab, or by buttons.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { tab } from '../tabs.js';
import { candidates, drop, isUndecided, keepGhost, running } from './continuing.js';

/** Tab keeps, Esc discards. With nothing to decide they do what they do elsewhere, and Shift+Tab always leaves. */
function onKeyDown(event: KeyboardEvent): void {
  const isPlain = !(event.shiftKey || event.ctrlKey || event.altKey || event.metaKey || event.isComposing);
  if (tab.value !== 'write' || event.defaultPrevented || !isPlain || !isInTab(document.activeElement)) return;
  const isOpen = isUndecided.value || running.value || candidates.value.length > 0;
  if (event.key === 'Tab' && isUndecided.value) keepGhost();
  else if (event.key === 'Escape' && isOpen) void drop();
  else return;
  event.preventDefault();
}

// Some browsers leave the focus on the page itself when a button is clicked.
function isInTab(place: Element | null): boolean {
  return place === null || place === document.body || place.closest('#panel-write') !== null;
}

export function Deciding() {
  useEffect(() => {
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
  return (
    <span class="deciding">
      <span id="keys" class="keys">
        {isUndecided.value ? (
          <>
            <kbd>Tab</kbd> keeps, <kbd>Esc</kbd> discards
          </>
        ) : (
          <>
            <kbd>Ctrl</kbd> <kbd>Enter</kbd> continues
          </>
        )}
      </span>
      {isUndecided.value && <Buttons />}
    </span>
  );
}

function Buttons() {
  const box = useRef<HTMLSpanElement>(null);
  // They go when it is decided: a focus on them goes to the tool that can be used then.
  useLayoutEffect(() => {
    const { current } = box;
    return () => {
      if (!current?.contains(document.activeElement)) return;
      requestAnimationFrame(() => {
        const tools = document.querySelector<HTMLElement>('#continue:enabled, #stop:enabled');
        if (document.activeElement === document.body) tools?.focus();
      });
    };
  }, []);
  return (
    <span ref={box}>
      <button type="button" class="quiet" aria-keyshortcuts="Tab" onClick={keepGhost}>
        Keep
      </button>
      <button type="button" class="quiet" aria-keyshortcuts="Escape" onClick={() => void drop()}>
        Discard
      </button>
    </span>
  );
}

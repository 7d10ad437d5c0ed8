// The writing surface: a plain text area, and under it the same text in the same place, which gives it its height and shows
// the ghost in another colour.
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { goOn, running } from './continuing.js';
import { caret, ghost, redo, text, typed, undo } from './manuscript.js';

export function Editor() {
  const area = useRef<HTMLTextAreaElement>(null);

  useSignalEffect(() => {
    const field = area.current;
    if (!field || field.value === text.value) return;
    field.value = text.value;
    field.setSelectionRange(caret.peek(), caret.peek());
  });

  // The event may come later than the key or the button that needs the caret: both ask for it too.
  const follow = () => {
    const field = area.current;
    if (field && document.activeElement === field) caret.value = field.selectionEnd;
  };
  useEffect(() => {
    document.addEventListener('selectionchange', follow);
    return () => document.removeEventListener('selectionchange', follow);
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    follow();
    const isPrimary = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (isPrimary && event.key === 'Enter') void (running.value || goOn());
    else if (isPrimary && letter === 'z') event.shiftKey ? redo() : undo();
    else if (isPrimary && letter === 'y') redo();
    else return;
    event.preventDefault();
  };

  const onBeforeInput = (event: InputEvent) => {
    if (event.inputType === 'historyUndo') undo();
    else if (event.inputType === 'historyRedo') redo();
    else return;
    event.preventDefault();
  };

  const span = ghost.value;
  const [start, end] = span ? [span.start, span.end] : [text.value.length, text.value.length];
  return (
    <div class={span ? 'surface has-ghost' : 'surface'}>
      <div class="mirror" aria-hidden="true">
        <span>{text.value.slice(0, start)}</span>
        <span class="ghost">{text.value.slice(start, end)}</span>
        <span>{text.value.slice(end)}</span>
        {'\u200b'}
      </div>
      <textarea
        id="text"
        ref={area}
        aria-label="Text"
        aria-describedby="keys"
        spellcheck={false}
        dir="auto"
        defaultValue={text.peek()}
        onInput={({ currentTarget }) => typed(currentTarget.value, currentTarget.selectionEnd)}
        onBeforeInput={onBeforeInput}
        onKeyDown={onKeyDown}
        onBlur={({ currentTarget }) => {
          caret.value = currentTarget.selectionEnd;
        }}
      />
    </div>
  );
}

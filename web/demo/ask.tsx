// A question that wants an answer before anything is lost.
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface Question {
  readonly title: string;
  readonly text: string;
  /** Ids and labels. */
  readonly choices: readonly (readonly [id: string, label: string])[];
  readonly answer: (id: string) => void;
}

const question = signal<Question | undefined>(undefined);

/** What was chosen; `undefined`: nothing, by Cancel or Escape. */
export function ask<Choice extends string>(
  title: string,
  text: string,
  choices: readonly (readonly [id: Choice, label: string])[],
): Promise<Choice | undefined> {
  question.value?.answer('');
  return new Promise((resolve) => {
    const answer = (id: string) => {
      if (question.value?.answer === answer) question.value = undefined;
      resolve(choices.find(([choice]) => choice === id)?.[0]);
    };
    question.value = { title, text, choices, answer };
  });
}

export function Ask() {
  const dialog = useRef<HTMLDialogElement>(null);
  const asked = question.value;
  useLayoutEffect(() => {
    if (!asked) return;
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('button:last-child')?.focus(); // Enter alone changes nothing
  }, [asked]);
  if (!asked) return null;
  const choices = [...asked.choices, ['', 'Cancel'] as const];
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      aria-describedby="question-text"
      onClose={({ currentTarget }) => asked.answer(currentTarget.returnValue)}
    >
      <h2 id="question">{asked.title}</h2>
      <p id="question-text">{asked.text}</p>
      <p class="row-actions">
        {choices.map(([id, label]) => (
          <button type="button" key={id} onClick={() => dialog.current?.close(id)}>
            {label}
          </button>
        ))}
      </p>
    </dialog>
  );
}

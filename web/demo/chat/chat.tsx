// The tab to talk in, for models that were taught to.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { model, modelName } from '../models/loaded.js';
import { VoiceChoice } from '../voices/voice-choice.js';
import { hush, messages, reply, say, startAnew, system, think } from './conversation.js';

export function Chat() {
  const draft = useSignal('');
  const end = useRef<HTMLDivElement>(null);
  const length = messages.value.length;
  const isSpeaking = reply.value !== undefined;
  useEffect(() => {
    if (length > 0) end.current?.scrollIntoView({ block: 'nearest' });
  }, [length, reply.value]);
  const send = () => {
    void say(draft.value);
    draft.value = '';
  };
  return (
    <section class="chat" aria-labelledby="chat-heading">
      <h2 id="chat-heading">Chat</h2>
      <p class="lead">
        For instruction-tuned models such as RWKV7-G1.
        {modelName.value === 'Storyteller' && ' The storyteller only knows tales: it answers in its own way.'}
      </p>
      <VoiceChoice />
      <div class="messages" role="log" aria-label="Conversation">
        {messages.value.map(({ role, content }, i) => (
          <p key={i} class={role}>
            <span class="who">{role === 'user' ? 'You' : modelName.value}</span>
            {content}
          </p>
        ))}
        {isSpeaking && (
          <p class="assistant">
            <span class="who">{modelName.value}</span>
            {reply.value || '…'}
          </p>
        )}
        <div ref={end} />
      </div>
      <form
        class="say"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <textarea
          aria-label="Message"
          rows={2}
          value={draft.value}
          onInput={({ currentTarget }) => {
            draft.value = currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        <button type="submit" class="primary" disabled={!model.value || isSpeaking}>
          Send
        </button>
        <button type="button" disabled={!isSpeaking} onClick={hush}>
          Stop
        </button>
        <button type="button" class="quiet" onClick={() => void startAnew()}>
          New conversation
        </button>
      </form>
      <details>
        <summary>System message and thinking</summary>
        <label class="field">
          <span>System message</span>
          <textarea
            rows={2}
            value={system.value}
            onInput={({ currentTarget }) => {
              system.value = currentTarget.value;
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={think.value}
            onChange={({ currentTarget }) => {
              think.value = currentTarget.checked;
            }}
          />
          <span>Think before answering (G1 models)</span>
        </label>
      </details>
    </section>
  );
}

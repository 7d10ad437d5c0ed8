import { useRef, useState } from 'react';
import { useModel } from './use-model.js';

// The embedded storyteller knows tales alone; name a model that was made to talk, such as 'rwkv7-g1-0.4b'.
const source = undefined;

export function Chat() {
  const { model, error } = useModel(source);
  const [messages, setMessages] = useState([]);
  const [isTalking, setTalking] = useState(false);
  const session = useRef();

  async function send(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const talk = [...messages, { role: 'user', content: new FormData(form).get('message') }];
    form.reset();
    setMessages(talk);
    setTalking(true);
    try {
      session.current ??= await model.createSession();
      let content = '';
      for await (const piece of session.current.chat(talk, { maxTokens: 200 })) {
        content += piece;
        setMessages([...talk, { role: 'assistant', content }]);
      }
    } finally {
      setTalking(false);
    }
  }

  if (error) return <p role="alert">{error.message}</p>;
  return (
    <form onSubmit={send}>
      {messages.map(({ role, content }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: messages are only ever added
        <p key={index} className={role}>
          {content}
        </p>
      ))}
      <input name="message" aria-label="message" required disabled={!model || isTalking} />
    </form>
  );
}

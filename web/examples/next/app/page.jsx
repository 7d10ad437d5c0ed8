'use client';
// A story that the browser tells: the model runs in the page's own worker.
import { useEffect, useState } from 'react';
import { RWKV } from 'rwkv-wasm';

export default function Page() {
  const [story, setStory] = useState('');
  useEffect(() => {
    const leaving = new AbortController();
    setStory('');
    tell(setStory, leaving.signal).catch((error) => leaving.signal.aborted || setStory(error.message));
    return () => leaving.abort();
  }, []);
  return <p>{story}</p>;
}

async function tell(show, signal) {
  const model = await RWKV.load(undefined, { signal });
  try {
    const session = await model.createSession({ seed: 7 });
    for await (const text of session.complete('Once upon a time', { echo: true, maxTokens: 60, signal }))
      show((before) => before + text);
  } finally {
    await model.dispose();
  }
}

// A chat in a page: the model in its worker, the reply as it comes.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.jsx';

createRoot(document.querySelector('main')).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);

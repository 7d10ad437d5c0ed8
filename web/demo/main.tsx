// The page is there at once; the model comes in the background.
import './styles/base.css';
import './styles/controls.css';
import './styles/frame.css';
import './styles/write.css';
import './styles/panels.css';
import { render } from 'preact';
import { App } from './app.js';
import { followKeyboard } from './foot.js';
import { load } from './models/loaded.js';
import { startOffline } from './offline/start.js';

const root = document.getElementById('app');
if (!root) throw new Error('the page has no #app');
render(<App />, root);
followKeyboard();
const loaded = load('Storyteller', undefined);
if (import.meta.env.MODE === 'production') void startOffline(loaded); // the development server keeps nothing

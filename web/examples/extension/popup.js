const story = document.querySelector('p');

const failed = await chrome.runtime.sendMessage({ type: 'open' });
if (failed) throw new Error(failed.error);
const port = chrome.runtime.connect();
port.onMessage.addListener(({ text = '', error = '' }) => story.append(text, error));
port.postMessage({ prompt: 'Once upon a time' });

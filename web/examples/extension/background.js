// A service worker can start no worker, so the model lives in an offscreen document, which stays while popups come and go.
let opening;

async function open() {
  if (await chrome.offscreen.hasDocument()) return;
  const justification = 'the language model computes in a worker';
  await chrome.offscreen.createDocument({ url: 'offscreen.html', reasons: ['WORKERS'], justification });
}

chrome.runtime.onMessage.addListener(({ type }, _sender, answer) => {
  if (type !== 'open') return false;
  opening ??= open().finally(() => {
    opening = undefined;
  });
  opening.then(answer, (error) => answer({ error: error.message }));
  return true; // the answer comes later
});

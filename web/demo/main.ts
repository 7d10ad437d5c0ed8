// The completion page: one text, one model, one session that stands where the text ends.
import { type Model, RWKV, type Session } from 'rwkv-wasm';

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
}

const text = element('text', HTMLTextAreaElement);
const continueButton = element('continue', HTMLButtonElement);
const stopButton = element('stop', HTMLButtonElement);
const speed = element('speed', HTMLOutputElement);
const status = element('status', HTMLElement);
const temperature = element('temperature', HTMLInputElement);
const topP = element('top-p', HTMLInputElement);
const length = element('length', HTMLInputElement);

// Pieces come faster than frames: they gather here and are shown once a frame.
let unshown = '';
function show(piece: string) {
  if (unshown === '') requestAnimationFrame(flush);
  unshown += piece;
}
function flush() {
  if (unshown === '') return;
  const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 40;
  text.setRangeText(unshown, text.value.length, text.value.length, 'preserve');
  unshown = '';
  if (atEnd) text.scrollTop = text.scrollHeight;
}

// The session and the text that it has read and written: while the page's text is still that, it just goes on.
let standing: { session: Session; text: string } | undefined;

async function sessionFor(model: Model, wanted: string): Promise<{ session: Session; prompt: string }> {
  if (standing?.text === wanted) return { session: standing.session, prompt: '' };
  standing?.session.dispose();
  standing = { session: await model.createSession(), text: wanted };
  return { session: standing.session, prompt: wanted };
}

function working(controller?: AbortController) {
  continueButton.disabled = controller !== undefined;
  stopButton.disabled = controller === undefined;
  text.readOnly = controller !== undefined;
  stopButton.onclick = () => controller?.abort();
}

async function write(model: Model) {
  const controller = new AbortController();
  working(controller);
  status.classList.remove('error');
  try {
    const { session, prompt } = await sessionFor(model, text.value);
    const options = {
      maxTokens: Number(length.value),
      temperature: Number(temperature.value),
      topP: Number(topP.value),
      signal: controller.signal,
    };
    let tokens = 0;
    let started = 0;
    for await (const step of session.generate(prompt, options)) {
      const now = performance.now();
      if (tokens === 0) started = now;
      else speed.value = `${Math.round(tokens / ((now - started) / 1000))} tokens/s`;
      tokens += 1;
      if (standing) standing.text += step.text;
      show(step.text);
    }
  } catch (error) {
    if (!controller.signal.aborted) {
      standing = undefined; // who knows what of it was read: the next call reads the whole text
      fail(error);
    }
  } finally {
    flush();
    working();
  }
}

function fail(error: unknown) {
  status.textContent = error instanceof Error ? error.message : String(error);
  status.classList.add('error');
}

for (const slider of [temperature, topP, length]) {
  const shown = slider.labels?.[0]?.querySelector('output');
  const update = () => {
    if (shown) shown.value = slider.value;
  };
  slider.addEventListener('input', update);
  update();
}

try {
  const model = await RWKV.load();
  const { parameters, bytes, build, version } = model.info;
  const millions = (count: number) => (count / 1e6).toFixed(1);
  status.textContent = `RWKV-${version}, ${millions(parameters)} million parameters, ${millions(bytes)} MB of weights, ${build} build.`;
  continueButton.onclick = () => void write(model);
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) continueButton.click();
  });
  working();
  text.focus();
} catch (error) {
  fail(error);
}

// Stands in for the generated glue: a "model" whose next token is predictable, so that the TypeScript half can be
// tested without the core, including what the core never does (crash, be slow). web/worker/module.ts describes the interface.
//
// Tokens are bytes. After token t comes t + 1; after 'z' the end of text. Token 200 makes `advance` throw; for token 210 it has no memory, behind token 212 no number is finite, and behind tokens 213 and 214 kernels of q4 and q8 are "fast". Logits are
// [tokens read, passes, largest batch, sum of tokens read]; the sum starts from the number in a state's file, "state 7".
// A text with a skull has no tokens.
// Of a model or a state that is "too large" it says so, and dies of one that "dies". One that "echoes" says what it was told,
// with `|`, `(` and `)` for line breaks, `<` and `>`, so that no template takes its reply for the reply's end or a thought.

const chunk = 16;

/** The error that a file asks for. */
function trouble(name, text) {
  if (text.includes('dies')) throw new WebAssembly.RuntimeError('unreachable');
  return text.includes('too large') && { error: { code: 'out-of-memory', message: `${name}: too large` } };
}

/** The token for one that was told; the end of text behind the last. */
function echoOf(token = 0) {
  return { 10: 124, 60: 40, 62: 41 }[token] ?? token;
}

export default async function create({ instantiateWasm }) {
  instantiateWasm({}, () => {});
  let passes = 0;
  let largestBatch = 0;
  let delay = 0; // ms of a pass
  let echoes = false;

  class Session {
    queue = [];
    told = [];
    echoed = 0;
    read = 0;
    sum = 0;
    last = -1;
    drawn; // where chance stands
    constructor(low, high) {
      this.drawn = low + high;
    }
    prompt(tokens) {
      if (tokens.length === 0 && this.read === 0 && this.queue.length === 0) this.queue.push(0);
      this.queue.push(...tokens);
      this.told.push(...tokens);
      return { value: null };
    }
    pending() {
      return this.queue.length;
    }
    reseed(low, high) {
      this.drawn = low + high;
    }
    isFresh() {
      return this.queue.length === 0 && this.last < 0;
    }
    check() {
      return this.last === 212
        ? { error: { code: 'bad-model', message: "the model's numbers are not finite from blocks.0.att on" } }
        : { value: null };
    }
    logits() {
      return { value: this.last < 0 ? null : Float32Array.of(this.read, passes, largestBatch, this.sum) };
    }
    configure(sampling, biasedTokens, biases, topLogprobs) {
      this.sampling = sampling;
      this.bias = new Map([...biasedTokens].map((token, i) => [token, biases[i]]));
      this.topLogprobs = topLogprobs;
      return { value: null };
    }
    fork() {
      const value = Object.assign(new Session(0, 0), this, { queue: [...this.queue], told: [...this.told] });
      return { value };
    }
    save() {
      return { value: new TextEncoder().encode(`state ${this.sum}`) };
    }
    reset() {
      Object.assign(this, { queue: [], told: [], echoed: 0, read: 0, sum: 0, last: -1 });
    }
    chance() {
      return BigInt(this.drawn);
    }
    goOnAt(chance) {
      this.drawn = Number(chance);
    }
    sample(allowed) {
      if (typeof allowed === 'number') {
        this.queue.push(allowed);
        return { value: { token: allowed, text: String.fromCharCode(allowed) } };
      }
      if (allowed !== null) throw new Error('the fake core knows no grammar');
      const { temperature } = this.sampling;
      if (this.pending() > 0 || this.last < 0) throw new Error('sampled too early');
      if ('error' in this.check()) return this.check();
      let token = this.last === 122 ? 0 : temperature === 2 ? 97 + (this.drawn++ % 26) : this.last + 1;
      if (echoes) token = echoOf(this.told[this.echoed++]);
      while (this.bias.get(token) === -Infinity) token++;
      if (token !== 0) this.queue.push(token);
      const step = { token, text: token === 0 ? '' : String.fromCharCode(token) };
      if (this.topLogprobs < 0) return { value: step };
      const topLogprobs = Array(this.topLogprobs).fill({ ...step, logprob: -1 });
      return { value: { ...step, logprob: -1, topLogprobs } };
    }
    guess() {
      return { value: null }; // it never guesses right
    }
    forgetGuesses() {}
    adopt({ read, sum, last }) {
      Object.assign(this, { queue: [], read, sum, last });
    }
    repeat(tokens, other) {
      this.queue.push(...tokens);
      this.drawn = other.drawn;
      return { value: null };
    }
    feed(most) {
      for (const token of this.queue.splice(0, Math.min(chunk, most))) {
        if (token === 200) throw new WebAssembly.RuntimeError('unreachable');
        this.read++;
        this.sum += token;
        this.last = token;
      }
    }
    delete() {
      this.queue = undefined;
    }
  }

  // Each step is two passes; its "file" and its checkpoint tell all that it was given, and a sum that each step changes. Token 210 of a text
  // is too much memory for a plan, behind token 212 step 3 has no finite loss.
  class Tuning {
    documents = [];
    step = 0;
    sum = 1;
    isHalf = false;
    constructor(learning) {
      this.learning = learning;
    }
    add(tokens, learned, isValidation) {
      this.documents.push({ tokens: [...tokens], learned: [...learned], isValidation });
      return { value: null };
    }
    holds(token) {
      return this.documents.some(({ tokens }) => tokens.includes(token));
    }
    plan(checkpoint) {
      const { steps, epochs, batch, contextLength } = this.learning;
      if (this.holds(210))
        return { error: { code: 'out-of-memory', message: 'a tuning: no memory for 210 bytes' } };
      if (checkpoint) {
        const bytes = new Uint8Array(checkpoint.size);
        checkpoint.read(0, bytes);
        const { told, ...rest } = JSON.parse(new TextDecoder().decode(bytes));
        if (told !== this.told())
          return { error: { code: 'invalid-argument', message: `${checkpoint.name}: of another run` } };
        Object.assign(this, rest);
      }
      const of = (isHeldOut) => this.documents.filter(({ isValidation }) => isValidation === isHeldOut);
      const count = (documents) =>
        documents.flatMap(({ learned }) => learned.slice(1)).filter(Boolean).length;
      const [learnedTokens, validationTokens] = [count(of(false)), count(of(true))];
      const excerpts = of(false).reduce(
        (sum, { tokens }) => sum + Math.ceil((tokens.length - 1) / contextLength),
        0,
      );
      this.steps = steps ?? epochs * Math.ceil(excerpts / batch);
      const { step } = this;
      return { value: { steps: this.steps, step, learnedTokens, validationTokens, excerpts, bytes: 1000 } };
    }
    told() {
      return JSON.stringify([this.learning, this.documents]);
    }
    next() {
      if (delay > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
      this.isHalf = !this.isHalf;
      if (this.isHalf) return { value: null };
      if (this.step === 2 && this.holds(212))
        return { error: { code: 'bad-model', message: 'step 3: the loss is not finite' } };
      this.sum = (this.sum * 31 + ++this.step) % 1000003;
      const { step, steps } = this;
      return { value: { step, steps, loss: 4 / step, tokens: 5, learningRate: this.learning.learningRate } };
    }
    validate() {
      this.isHalf = !this.isHalf;
      return { value: this.isHalf ? null : 8 / (this.step + 1) };
    }
    startFile(format) {
      const { learning, documents, step, sum } = this;
      return piecesOf(JSON.stringify({ format, learning, documents, step, sum }));
    }
    save() {
      const { step, sum } = this;
      return { value: new TextEncoder().encode(JSON.stringify({ told: this.told(), step, sum })) };
    }
    delete() {
      this.documents = undefined;
    }
  }

  return {
    startTuning: (_model, learning) => ({ value: new Tuning(learning) }),
    startNewModel: (model, format) =>
      model.seed === 210
        ? { error: { code: 'out-of-memory', message: 'a new model: no memory for 210 bytes' } }
        : piecesOf(`fake ${JSON.stringify({ model, format })}`),
    inspect: () => ({ value: { tokenizer: null, vocabulary: 256 } }),
    startLoading(source, _lora, vocabulary, quantization, _kernels, fastKernels, onProgress) {
      const bytes = new Uint8Array(source.size);
      const error = source.read(0, bytes);
      if (error !== '') return { error: { code: 'read-failed', message: `${source.name}: ${error}` } };
      const text = new TextDecoder().decode(bytes.subarray(0, 64)).replace(/^PK../s, ''); // what comes over http begins so
      if (!text.startsWith('fake'))
        return { error: { code: 'bad-file', message: `${source.name}: not fake` } };
      const troubled = trouble(source.name, text);
      if (troubled) return troubled;
      delay = Number(/delay=(\d+)/.exec(text)?.[1] ?? 0);
      echoes = text.includes('echoes');
      for (const loaded of [0, source.size]) onProgress(loaded, source.size);
      const model = {
        value: {
          info: () => ({
            ...{ version: '7', layers: 1, channels: 64, heads: 1, headSize: 64, hidden: 64, vocabulary: 256 },
            ...{ parameters: 1, quantization, bytes: source.size, stateBytes: 4 },
            tokenizer: vocabulary === 'embedded' ? null : (vocabulary?.kind ?? vocabulary),
            sampling: '',
            kernels: fastKernels.find((name) => name.startsWith('q8 ')) ?? 'q8 usual',
            warnings: [],
          }),
          tokenize: (value) =>
            value.includes('\u2620')
              ? { error: { code: 'bad-vocabulary', message: 'no token for \u2620' } }
              : { value: Int32Array.from(new TextEncoder().encode(value)) },
          detokenize: (tokens) => ({ value: new TextDecoder().decode(Uint8Array.from(tokens)) }),
          createSession(low, high, _isSeeded, state) {
            const session = new Session(low, high);
            if (state === null) return { value: session };
            const bytes = new Uint8Array(state.size);
            const error = state.read(0, bytes);
            if (error !== '') return { error: { code: 'read-failed', message: `${state.name}: ${error}` } };
            const troubled = trouble(state.name, new TextDecoder().decode(bytes));
            if (troubled) return troubled;
            session.sum = Number(/^(?:RWKVSESS )?state (\d+)$/.exec(new TextDecoder().decode(bytes))?.[1]);
            return Number.isNaN(session.sum)
              ? { error: { code: 'bad-model', message: `${state.name}: no state` } }
              : { value: session };
          },
        },
      };
      const answers = [{ value: null }, model]; // two parts
      return { value: { bytes: () => ({ value: source.size }), next: () => answers.shift(), delete() {} } };
    },
    hasRoom: () => true,
    advance(sessions, most) {
      if (sessions.some((session, i) => session.queue.slice(0, most[i]).includes(210)))
        return { error: { code: 'out-of-memory', message: 'a pass: no memory for 210 bytes' } };
      if (delay > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
      passes++;
      largestBatch = Math.max(largestBatch, sessions.length);
      for (const [i, session] of sessions.entries()) session.feed(most[i]);
      const told = { 213: 'q4 fast', 214: 'q8 fast' };
      return { value: sessions.map(({ last }) => told[last]).find(Boolean) ?? null };
    },
  };
}

// A file that is its text, in two pieces.
function piecesOf(text) {
  const bytes = new TextEncoder().encode(text);
  const answers = [bytes.slice(0, 9), bytes.slice(9), null];
  return { value: { bytes: () => bytes.length, next: () => ({ value: answers.shift() }), delete() {} } };
}

// A model that is being taught: what the operations of a tuning do.
import { RwkvError } from '../shared/errors.js';
import type { DocumentPart, Learning, TuneStep, TuningPlan } from '../shared/protocol.js';
import type { ByteSource } from '../store/shelf.js';
import { joined, type Result, reader, type WasmTuning } from './module.js';
import { type Loaded, tokensOf } from './text.js';

/** What a tuning asks of the worker. */
interface TuningHost {
  /** Opens the file that the model was loaded from. */
  openModel(): Promise<ByteSource>;
  /** Between two passes others have their turn. */
  breathe(): Promise<void>;
}

export class Tuning {
  readonly #loaded: Loaded;
  readonly #learning: Learning;
  readonly #host: TuningHost;
  readonly #tuning: WasmTuning;
  #plan: TuningPlan | undefined;
  #step = 0;
  #isEnded = false;

  /** @throws RwkvError `unsupported`, `invalid-argument`, `out-of-memory`, those of reading */
  static async begin(loaded: Loaded, learning: Learning, host: TuningHost): Promise<Tuning> {
    const { startTuning } = loaded;
    if (!startTuning)
      throw new RwkvError('unsupported', 'its modules cannot learn: option wasmUrl named those without');
    const file = learning.method === 'full' ? await host.openModel() : null;
    try {
      const tuning = loaded.prefixes.makeRoom(() => startTuning(learning, file && reader(file)));
      return new Tuning(loaded, learning, host, tuning);
    } finally {
      file?.close();
    }
  }

  private constructor(loaded: Loaded, learning: Learning, host: TuningHost, tuning: WasmTuning) {
    this.#loaded = loaded;
    this.#learning = learning;
    this.#host = host;
    this.#tuning = tuning;
  }

  add(parts: readonly DocumentPart[], isValidation: boolean): number {
    let isContinued = false;
    const encoded = parts.map(({ text, isLearned }) => {
      const tokens = tokensOf(text, this.#loaded, isContinued);
      if (tokens.length > 0) isContinued = tokens.at(-1) !== 0; // 0 ends a text
      return { tokens, isLearned };
    });
    const length = encoded.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const all = new Int32Array(length);
    const learned = new Uint8Array(length);
    let at = 0;
    for (const { tokens, isLearned } of encoded) {
      all.set(tokens, at);
      if (isLearned) learned.fill(1, at, at + tokens.length);
      at += tokens.length;
    }
    this.#loaded.prefixes.makeRoom(() => this.#tuning.add(all, learned, isValidation));
    return length;
  }

  async plan(checkpoint: ByteSource | null): Promise<TuningPlan> {
    const plan = this.#loaded.prefixes.makeRoom(() => this.#tuning.plan(checkpoint && reader(checkpoint)));
    this.#plan = plan;
    this.#step = plan.step;
    this.#forgetPrefixes();
    if (plan.step > 0 || plan.validationTokens === 0) return plan;
    return { ...plan, validationLoss: await this.#passes(() => this.#tuning.validate()) };
  }

  async next(): Promise<TuneStep | null> {
    const plan = this.#plan;
    if (!plan) throw new Error('asked for a step before there was a plan');
    if (this.#step === plan.steps) return null;
    const step = await this.#passes(() => this.#tuning.next());
    this.#step = step.step;
    this.#forgetPrefixes();
    const { validationEvery: every } = this.#learning;
    const isDue = step.step === plan.steps || (every > 0 && step.step % every === 0);
    if (!isDue || plan.validationTokens === 0) return step;
    return { ...step, validationLoss: await this.#passes(() => this.#tuning.validate()) };
  }

  async file(format: 'safetensors' | 'pth'): Promise<Uint8Array<ArrayBuffer>> {
    const model = this.#isOfAllWeights ? await this.#host.openModel() : null;
    try {
      this.#throwIfEnded();
      return joined(
        this.#loaded.prefixes.makeRoom(() => this.#tuning.startFile(format, model && reader(model))),
      );
    } finally {
      model?.close();
    }
  }

  save(): Uint8Array<ArrayBuffer> {
    return this.#loaded.prefixes.makeRoom(() => this.#tuning.save());
  }

  end(): void {
    this.#isEnded = true;
    this.#tuning.delete();
  }

  // What the last pass answers.
  async #passes<T>(pass: () => Result<T | null>): Promise<T> {
    for (;;) {
      const made = this.#loaded.prefixes.makeRoom(pass);
      if (made !== null) return made;
      await this.#host.breathe();
      this.#throwIfEnded();
    }
  }

  #throwIfEnded(): void {
    if (this.#isEnded) throw new RwkvError('disposed', 'the tuning was ended');
  }

  get #isOfAllWeights(): boolean {
    return this.#learning.method === 'full';
  }

  // Of weights that have changed.
  #forgetPrefixes(): void {
    if (this.#isOfAllWeights) this.#loaded.prefixes.clear();
  }
}

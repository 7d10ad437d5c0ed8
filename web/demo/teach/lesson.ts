// A lesson: the model reads texts again and again, and the state that it starts from is learned. What was learned stays in the browser
// every few seconds, so that a lesson goes on where the page was closed.
import { batch, computed, signal } from '@preact/signals';
import { del, get, set } from 'idb-keyval';
import { type Model, RWKV, type TuneResult, type TuneStep } from 'rwkv-wasm';
import { learning } from 'rwkv-wasm/learning';
import { decodeText } from '../../shared/text-file.js';
import { lessonShelf } from '../documents/shelves.js';
import { isFull, sentence } from '../format.js';
import { fail, model, modelName, origin, tell } from '../models/loaded.js';
import { compare } from './comparing.js';
import { curve, type Losses, noLosses } from './losses.js';

/** What is learned from, and how often it is read. */
export const texts = signal('');
export const epochs = signal(4);
/** What is going on; `'paused'`: there is a checkpoint to go on from. */
export const stage = signal<'idle' | 'starting' | 'learning' | 'paused' | 'done'>('idle');
export const step = signal<TuneStep | undefined>(undefined);
/** What was learned, once it is. */
export const learned = signal<TuneResult | undefined>(undefined);

/** Whether texts and options can be changed. */
export const isOpen = computed(() => stage.value === 'idle' || stage.value === 'done');

/** Tokens that are read at once, and pieces of so many a step: steps of a second on the storyteller. */
const [contextLength, batchSize] = [256, 4];
/** The share of the texts that is only tested on. */
const heldOut = 0.1;
const secondsBetweenCheckpoints = 5;

/** What of a lesson stays when the page is closed. */
interface KeptLesson {
  readonly texts: string;
  readonly epochs: number;
  readonly model: string;
  readonly losses: Losses;
  readonly checkpoint: Uint8Array<ArrayBuffer>;
}
const shelfKey = 'interrupted';

let controller: AbortController | undefined;
/** The name of the model that learns. */
let pupilName = '';
let checkpoint: Uint8Array<ArrayBuffer> | undefined;

// What was learned is of use to the model that learned it alone; its checkpoint waits in the browser.
model.subscribe(() => {
  if (modelName.peek() === pupilName) return;
  if (controller) controller.abort();
  else leave();
});

function leave(): void {
  checkpoint = undefined;
  batch(() => {
    [stage.value, learned.value, step.value, curve.value] = ['idle', undefined, undefined, noLosses];
  });
}

/** Looks whether a lesson of this model was interrupted. */
export async function findInterrupted(): Promise<void> {
  if (stage.value !== 'idle') return;
  const kept = await get<KeptLesson>(shelfKey, lessonShelf).catch(() => undefined);
  if (!kept || kept.model !== modelName.value || stage.value !== 'idle') return;
  [checkpoint, pupilName] = [kept.checkpoint, kept.model];
  batch(() => {
    [texts.value, epochs.value, curve.value, stage.value] = [kept.texts, kept.epochs, kept.losses, 'paused'];
  });
}

/** Teaches, or goes on where it was paused. */
export async function teach(): Promise<void> {
  const own = new AbortController();
  const resume = stage.value === 'paused' ? checkpoint : undefined;
  [controller, pupilName] = [own, modelName.value];
  batch(() => {
    [stage.value, learned.value, step.value] = ['starting', undefined, undefined];
    if (!resume) curve.value = noLosses;
  });
  let pupil: Model | undefined;
  try {
    const { source, options } = origin.value;
    pupil = await RWKV.load(source, { ...options, learning, signal: own.signal });
    const tuning = pupil.tune([texts.value], {
      ...{ method: 'state', epochs: epochs.value, contextLength, batch: batchSize },
      ...{ validation: heldOut, validationEvery: 5, signal: own.signal },
      checkpoint: { resume, save: keepCheckpoint, seconds: secondsBetweenCheckpoints },
      onPlan: ({ step: done, validationLoss }) => {
        stage.value = 'learning';
        if (validationLoss !== undefined) note(done, undefined, validationLoss);
      },
    });
    for await (const made of tuning) {
      step.value = made;
      note(made.step, made.loss, made.validationLoss);
    }
    const result = await tuning.result;
    await forgetCheckpoint();
    batch(() => {
      [learned.value, stage.value] = [result, 'done'];
    });
    await compare(result.bytes);
  } catch (error) {
    stage.value = checkpoint ? 'paused' : 'idle';
    if (!own.signal.aborted) fail(error);
  } finally {
    controller = undefined;
    if (modelName.value !== pupilName) leave();
    await pupil?.dispose();
  }
}

/** Stops behind the step that is being made. */
export function pauseLesson(): void {
  controller?.abort();
}

/** Forgets what was learned and not kept. */
export async function startOver(): Promise<void> {
  await forgetCheckpoint();
  leave();
}

/** Takes text files as what to learn from, behind what is there. */
export async function addFiles(files: readonly File[]): Promise<void> {
  try {
    if (!isOpen.value) throw new Error('The lesson has begun: pause it and start over to change its texts.');
    for (const file of files) {
      const text = decodeText(file.name, new Uint8Array(await file.arrayBuffer()));
      texts.value = texts.value === '' ? text : `${texts.value}\n\n${text}`;
    }
  } catch (error) {
    fail(error);
  }
}

function note(at: number, loss: number | undefined, validation: number | undefined): void {
  const { steps, losses, validations } = curve.value;
  curve.value = {
    steps: [...steps, at],
    losses: [...losses, loss ?? null],
    validations: [...validations, validation ?? null],
  };
}

async function keepCheckpoint(made: Uint8Array<ArrayBuffer>): Promise<void> {
  checkpoint = made;
  const kept: KeptLesson = {
    ...{ texts: texts.value, epochs: epochs.value, model: pupilName },
    ...{ losses: curve.value, checkpoint: made },
  };
  try {
    await set(shelfKey, kept, lessonShelf);
  } catch (error) {
    if (isFull(error)) tell(`${sentence(error)} The lesson goes on as long as the page is open.`);
  }
}

async function forgetCheckpoint(): Promise<void> {
  checkpoint = undefined;
  await del(shelfKey, lessonShelf).catch(() => {}); // a browser that keeps nothing
}

// Lets the model go on: one way as a ghost in the text, or several at once to choose from.
import { batch, computed, signal } from '@preact/signals';
import type { Model, TokenLogprob } from 'rwkv-wasm';
import { keepVersion } from '../documents/keeping-versions.js';
import { fail, model, tell } from '../models/loaded.js';
import { candidateCount, numbers } from '../settings/settings.js';
import { voice } from '../voices/voices.js';
import { accept, beginGhost, caret, dismiss, edits, ghost, haunt, swap, text } from './manuscript.js';
import { type Place, standAt } from './places.js';
import { Run } from './run.js';
import { type Branch, grow, type Spot, Tree } from './tree.js';

export const tree = signal<Tree | undefined>(undefined);
/** Counts the frames in which branches grew or were chosen. */
export const growth = signal(0);
export const running = signal(false);
export const speed = signal('');
/** Ways on that wait to be chosen from. */
export const candidates = signal<readonly Branch[]>([]);
/** Where the last continuation began, while the text is still its own. */
export const last = signal<{ tree: Tree; branch: Branch; count: number } | undefined>(undefined);

/** Whether the text has, or is about to have, something of the model's that can be kept or discarded. */
export const isUndecided = computed(
  () => ghost.value !== undefined || (running.value && candidateCount.value === 1),
);

let active: { run: Run; ended: Promise<void> } | undefined;
let editsSeen = 0;
/** The text that the model had ended: asked again, it goes on. */
let endedText: string | undefined;

edits.subscribe((count) => {
  if (count === editsSeen) return;
  editsSeen = count;
  last.value = undefined;
  candidates.value = [];
  active?.run.abandon();
});
for (const speaker of [model, voice])
  speaker.subscribe(() => {
    active?.run.abandon();
    [tree.value, last.value, candidates.value] = [undefined, undefined, []];
  });

/** Stops the model; what it has written stays. */
export async function stop(): Promise<void> {
  active?.run.stop();
  await active?.ended;
}

/** Goes on where the caret stands. */
export async function goOn(): Promise<void> {
  const writer = model.value;
  if (!writer) return;
  await stop();
  accept();
  void keepVersion('continuing');
  const [before, after] = [text.value.slice(0, caret.value), text.value.slice(caret.value)];
  const known = tree.value?.rest === after ? tree.value : undefined;
  const found = known?.find(before);
  const grove = found && known ? known : new Tree(before, after);
  const { branch, count } = found ?? { branch: grove.root(), count: 0 };
  beginGhost();
  await go(writer, grove, branch, count);
}

/** Goes on from where the last continuation began, another way. */
export async function regenerate(): Promise<void> {
  const writer = model.value;
  await stop();
  const from = last.value;
  if (!writer || !from) return;
  const before = from.tree.textOf(from.branch, from.count);
  void keepVersion('continuing');
  swap(before + from.tree.rest, before.length);
  await go(writer, from.tree, from.branch, from.count);
}

/** Takes another token in the place of one that was generated, and goes on from there. */
export async function branchOff(
  grove: Tree,
  { branch, index, step }: Spot,
  other: TokenLogprob,
): Promise<void> {
  const writer = model.value;
  if (!writer) return;
  await stop();
  void keepVersion('continuing');
  beginGhost();
  await go(writer, grove, branch, index, {
    ...{ ...other, topLogprobs: step.topLogprobs ?? [] },
    read: async (signal) => {
      const place = await standAt(writer, grove.textBefore(branch), signal);
      const ids = [...branch.steps.slice(0, index).map(({ token }) => token), other.token];
      await place.session.append(ids, { signal });
      return { ...place, tokens: place.tokens + ids.length };
    },
  });
}

/** Shows another branch in the text. */
export async function show(grove: Tree, branch: Branch): Promise<void> {
  await stop();
  grove.current = branch;
  const way = grove.textOf(branch);
  batch(() => {
    swap(way + grove.rest, way.length);
    candidates.value = [];
    last.value = branch.parent && { tree: grove, branch: branch.parent, count: branch.from };
    tree.value = grove;
    growth.value += 1;
  });
}

/** Takes the ghost or the candidates away. */
export async function drop(): Promise<void> {
  await stop();
  candidates.value = [];
  dismiss();
}

/** Accepts what is there of the ghost; what comes after is a ghost again. */
export function keepGhost(): void {
  active?.run.keep(ghost.value?.end);
  accept();
}

interface FirstStep extends TokenLogprob {
  readonly topLogprobs: readonly TokenLogprob[];
  /** Reads all up to behind that step. */
  readonly read: (signal: AbortSignal) => Promise<Place>;
}

async function go(
  writer: Model,
  grove: Tree,
  parent: Branch,
  from: number,
  first?: FirstStep,
): Promise<void> {
  const before = grove.textOf(parent, from);
  const ways = first ? 1 : candidateCount.value;
  const run = new Run(writer, grove, {
    maxTokens: numbers.length.value,
    ban: endedText === before ? [0] : [],
    onFrame: () => frame(run),
  });
  batch(() => {
    running.value = true;
    candidates.value = [];
    last.value = { tree: grove, branch: parent, count: from };
    tree.value = grove;
  });
  const work = async () => {
    const { read, ...step } = first ?? { read: undefined };
    const place = await (read ? read(run.signal) : standAt(writer, before, run.signal));
    const branches = Array.from({ length: ways }, () => grove.add(parent, from));
    const [only] = branches;
    if (ways > 1) candidates.value = branches;
    else if (only) grove.current = only;
    if (only && 'token' in step) grow(only, step);
    run.shownFrom = before.length;
    await run.write(branches, place);
    endedText = ways === 1 && only && run.endedByItself ? grove.textOf(only) : undefined;
    tell(endedText === undefined ? '' : 'The model ended the text here. Continue goes on all the same.');
  };
  const ended = work()
    .catch((error) => {
      if (!run.signal.aborted) fail(error);
    })
    .finally(() => {
      frame(run);
      if (active?.run === run) active = undefined;
      running.value = active !== undefined;
    });
  active = { run, ended };
  await ended;
}

function frame(run: Run): void {
  batch(() => {
    growth.value += 1;
    speed.value = run.speed;
    const { tree: grove, shownFrom } = run;
    if (run.isAbandoned || run.branches.length !== 1 || shownFrom === undefined) return;
    const way = grove.textOf(grove.current);
    haunt(way + grove.rest, shownFrom, way.length);
  });
}

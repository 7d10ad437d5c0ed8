// Which steps run together in one dispatch. Alone or together, each computes the same.
import { behaviours, type Span } from './behaviour.js';
import { argument, type Step, type Value } from './steps.js';

export interface Dispatch {
  /** Of its widest step: how it is spread over the device. */
  readonly span: Span;
  /** In order; of span `matmul` products, each with what becomes of its own elements behind it. */
  readonly steps: readonly Step[];
}

const mostSteps = 32;
const mostAhead = 192; // steps that are looked at for one that may run by now

/** All steps as dispatches, one each unless `fuses`. `isSingle`: whether each sequence has one row. */
export function schedule(steps: readonly Step[], isSingle: boolean, fuses: boolean): Dispatch[] {
  if (!fuses) return steps.map((step) => ({ span: behaviours[step.name].span, steps: [step] }));
  const before = predecessors(steps);
  const done = new Set<Step>();
  const dispatches: Dispatch[] = [];
  for (let waiting = [...steps]; waiting.length > 0; ) {
    const near = waiting.slice(0, mostAhead);
    const isReady = (step: Step) => [...(before.get(step) ?? [])].every((one) => done.has(one));
    const ready = near.filter(isReady);
    const products = ready.filter((step) => behaviours[step.name].span === 'matmul');
    const group =
      products.length > 0
        ? joinProducts(near, products, before, done, isSingle)
        : joinRows(near, ready, before, done, isSingle);
    for (const step of group.steps) done.add(step);
    dispatches.push(group);
    waiting = waiting.filter((step) => !done.has(step));
  }
  return dispatches;
}

type Predecessors = ReadonlyMap<Step, ReadonlySet<Step>>;

/** The steps that must have run before each: those that made what it reads, and that use what it changes. */
function predecessors(steps: readonly Step[]): Predecessors {
  const writers = new Map<Value, Step>();
  const readers = new Map<Value, Step[]>();
  return new Map(
    steps.map((step) => {
      const { reads, writes, changes } = behaviours[step.name];
      const found = new Set<Step>();
      const changed = step.goesOn ? [...changes, ...writes] : changes;
      for (const value of valuesOf(step, [...reads, ...changed])) {
        const writer = writers.get(value);
        if (writer) found.add(writer);
      }
      for (const value of valuesOf(step, changed))
        for (const reader of readers.get(value) ?? []) found.add(reader);
      for (const value of valuesOf(step, reads)) readers.set(value, [...(readers.get(value) ?? []), step]);
      for (const value of valuesOf(step, [...writes, ...changes])) {
        writers.set(value, step);
        readers.delete(value);
      }
      return [step, found];
    }),
  );
}

function valuesOf(step: Step, names: readonly string[]): Value[] {
  return names.flatMap((name) => step.values.get(name) ?? []);
}

/**
 * All products that may run, and behind each what takes its elements one by one. Of several rows one product alone: it has enough to do,
 * and compilers take long for tiles, of which there is one program then.
 */
function joinProducts(
  near: readonly Step[],
  products: readonly Step[],
  before: Predecessors,
  done: ReadonlySet<Step>,
  isSingle: boolean,
): Dispatch {
  const [first] = products;
  if (first && first.rows > 1) return { span: 'matmul', steps: [first] };
  const chains = products
    .filter(({ rows, piece }) => rows === first?.rows && piece?.buffer === first.piece?.buffer)
    .slice(0, mostSteps / 4)
    .map((step) => [step]);
  let count = chains.length;
  for (const step of near) {
    if (done.has(step) || behaviours[step.name].span !== 'element' || step.piece || count === mostSteps)
      continue;
    const needs = [...(before.get(step) ?? [])].filter((one) => !done.has(one));
    const chain = chains.find((one) => needs.length > 0 && needs.every((need) => one.includes(need)));
    const product = chain?.[0];
    if (!chain || !product?.piece?.isWhole || step.rows !== product.rows || step.width !== product.width)
      continue;
    if (needs.some((need) => meetsFar(need, step, isSingle))) continue;
    chain.push(step);
    count++;
  }
  return { span: 'matmul', steps: chains.flat() };
}

/** Steps that work on the same rows, each row or head by itself. */
function joinRows(
  near: readonly Step[],
  ready: readonly Step[],
  before: Predecessors,
  done: ReadonlySet<Step>,
  isSingle: boolean,
): Dispatch {
  const [first] = ready;
  if (!first) throw new Error('the steps wait for each other');
  const steps: Step[] = [];
  let span = behaviours[first.name].span;
  for (const step of near) {
    if (done.has(step) || behaviours[step.name].span === 'matmul' || steps.length === mostSteps) continue;
    const needs = [...(before.get(step) ?? [])].filter((one) => !done.has(one));
    if (!needs.every((need) => steps.includes(need))) continue;
    if (needs.some((need) => meetsFar(need, step, isSingle))) continue;
    const joined = steps.length === 0 ? behaviours[step.name].span : spanOf(steps, span, step);
    if (joined === undefined) continue;
    steps.push(step);
    span = joined;
  }
  return { span, steps };
}

/** The span of a dispatch with this step besides; undefined where they have none in common. */
function spanOf(steps: readonly Step[], span: Span, step: Step): Span | undefined {
  const [first] = steps;
  const own = behaviours[step.name].span;
  const tables = new Set([...steps, step].flatMap(({ piece }) => piece?.buffer ?? []));
  if (!first || step.rows !== first.rows || tables.size > 1) return undefined;
  const isAsWide = steps.every(({ width }) => width === step.width);
  if (span === 'row' || own === 'row') return span === 'head' || own === 'head' ? undefined : 'row';
  if (span === 'head' || own === 'head')
    return isAsWide && haveSameHeads([...steps, step]) ? 'head' : undefined;
  return isAsWide ? 'element' : 'row';
}

function haveSameHeads(steps: readonly Step[]): boolean {
  const heads = steps.filter(({ name }) => behaviours[name].span === 'head');
  return new Set(heads.map((step) => argument(step.arguments, 'heads'))).size <= 1;
}

/** Whether one of both takes a value that they share from rows of others. */
function meetsFar(one: Step, other: Step, isSingle: boolean): boolean {
  const shared = new Set(one.values.values());
  const isFar = (step: Step, among: ReadonlySet<Value>) => {
    const { far = [], farInSequences = [] } = behaviours[step.name];
    return valuesOf(step, isSingle ? far : [...far, ...farInSequences]).some((value) => among.has(value));
  };
  const common = new Set([...other.values.values()].filter((value) => shared.has(value)));
  return isFar(other, common) || (behaviours[one.name].span !== 'matmul' && isFar(one, common));
}

// A list of operations as steps: what each is called, how large it is and which values it reads and makes.
import { behaviours } from './behaviour.js';
import { none, type OperationName, operations, operationWords } from './operations.js';

/** Floats of scratch memory that some step writes. A later value may take the same place. */
export interface Value {
  readonly floats: number;
}

export interface Step {
  readonly name: OperationName;
  /** Rows, or sequences, or rows wanted; and the width of its output. */
  readonly rows: number;
  readonly width: number;
  /** Its arguments as they stand in the list. */
  readonly arguments: ReadonlyMap<string, number>;
  /** What stands at its addresses, by argument. */
  readonly values: ReadonlyMap<string, Value>;
  /** Of a tensor in several buffers the part that this step has: which buffer, where in there (bytes), its first row and how many. */
  readonly piece?: Piece;
  /** Whether it makes a part of its output, behind others that made the rest. */
  readonly goesOn?: true;
}

export interface Piece {
  readonly buffer: number;
  readonly offset: number;
  readonly first: number;
  readonly count: number;
  /** Whether it is all of its tensor. */
  readonly isWhole: boolean;
}

/** What passes of one shape do. */
export interface Steps {
  readonly rows: number;
  readonly sequences: number;
  readonly wanted: number;
  readonly steps: readonly Step[];
  readonly logits: Value | undefined;
  readonly hidden: Value | undefined;
}

/** A list (src/recording/operations.h) as steps, one for each piece of a tensor. `piecesOf`: those of the tensor with this id. */
export function stepsOf(list: Uint32Array, piecesOf: (id: number) => readonly Piece[]): Steps {
  const [rows = 0, sequences = 0, wanted = 0, , logits = none, hidden = none] = list;
  const names = Object.keys(operations).filter((name): name is OperationName => name in operations);
  const counts = { R: rows, S: sequences, wanted };
  const present = new Map<number, Value>(); // by address
  const steps: Step[] = [];
  for (let at = operationWords; at < list.length; at += operationWords) {
    const name = names[list[at] ?? none];
    if (name === undefined) throw new Error(`operation ${list[at]} at word ${at}: no such operation`);
    const given = new Map(operations[name].map((argument, i) => [argument, list[at + 1 + i] ?? 0]));
    steps.push(...stepsOfOne(name, given, counts, present, piecesOf));
  }
  const at = (address: number) => (address === none ? undefined : valueAt(present, address, 'the result'));
  return { rows, sequences, wanted, steps, logits: at(logits), hidden: at(hidden) };
}

function stepsOfOne(
  name: OperationName,
  given: ReadonlyMap<string, number>,
  counts: Readonly<Record<'R' | 'S' | 'wanted', number>>,
  present: Map<number, Value>,
  piecesOf: (id: number) => readonly Piece[],
): Step[] {
  const { reads, writes, changes, rows: of, width: widthName } = behaviours[name];
  const rows = given.get('R') ?? counts[of];
  const width = argument(given, widthName) / (widthName === 'n' ? rows : 1);
  if (!Number.isInteger(width)) throw new Error(`${name}: ${argument(given, 'n')} floats in ${rows} rows`);
  const values = new Map(
    [...reads, ...changes].map((read) => [read, valueAt(present, argument(given, read), `${name} ${read}`)]),
  );
  for (const written of writes) {
    const value = { floats: (of === 'S' ? counts.R : rows) * width };
    present.set(argument(given, written), value);
    values.set(written, value);
  }
  const step = { name, rows, width, arguments: given, values };
  const tensor = given.get('matrix') ?? given.get('table');
  if (tensor === undefined) return [step];
  return piecesOf(tensor).map((piece, i) => ({ ...step, piece, ...(i > 0 && { goesOn: true as const }) }));
}

export function argument(given: ReadonlyMap<string, number>, name: string): number {
  const value = given.get(name);
  if (value === undefined) throw new Error(`no argument ${name}`);
  return value;
}

function valueAt(present: ReadonlyMap<number, Value>, address: number, whose: string): Value {
  const value = present.get(address);
  if (value === undefined) throw new Error(`${whose}: nothing was written at address ${address}`);
  return value;
}

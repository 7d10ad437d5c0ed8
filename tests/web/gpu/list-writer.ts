// Lists of operations as the core records them (src/recording/operations.h), written by hand, with the weights that they name.
import {
  none,
  type OperationName,
  operations,
  operationWords as words,
} from '../../../dist/worker/gpu/operations.js';
import type { Weight } from '../../../dist/worker/gpu/weights.js';
import { type Format, pack } from './packer.js';

const names = Object.keys(operations);

export type Arguments<Name extends OperationName> = Readonly<
  Record<(typeof operations)[Name][number], number>
>;

/** What a device needs to run a list once. */
export interface Written {
  readonly list: number[];
  readonly tables: number[];
  readonly weights: readonly { readonly of: Weight; readonly bytes: Uint8Array }[];
  /** By slot. */
  readonly states: readonly (readonly number[])[];
}

export class ListWriter {
  /** Rows of the pass. */
  readonly R: number;
  readonly #counts: readonly number[];
  readonly #wanted: readonly number[];
  readonly #operations: number[] = [];
  readonly #weights: { of: Weight; bytes: Uint8Array }[] = [];
  #floats = 0;

  /** `counts`: rows of each sequence; `wanted`: rows that the head gets. */
  constructor(counts: readonly number[], wanted: readonly number[] = []) {
    this.#counts = counts;
    this.#wanted = wanted;
    this.R = counts.reduce((sum, count) => sum + count, 0);
  }

  /** The address of so many floats. */
  rows(floats: number): number {
    const address = this.#floats;
    this.#floats += Math.ceil(floats / words) * words;
    return address;
  }

  /** What the rows begin with, as rows of a table: token r is r. (R, C) */
  input(C: number, values: readonly number[]): number {
    const out = this.rows(this.R * C);
    this.call('embed', { table: this.table('F32', C, floatBytes(values)), out, C });
    return out;
  }

  vector(values: readonly number[]): number {
    return this.#weight({ kind: 'vector', dtype: 'F32', rows: 1, cols: values.length }, floatBytes(values));
  }

  /** (M, K) */
  matrix(dtype: Format, M: number, K: number, values: readonly number[]): number {
    return this.#weight({ kind: 'matrix', dtype, rows: M, cols: K }, pack(dtype, K, values));
  }

  table(dtype: string, cols: number, bytes: Uint8Array, rows = this.R): number {
    return this.#weight({ kind: 'embedding', dtype, rows, cols }, bytes);
  }

  call<Name extends OperationName>(name: Name, given: Arguments<Name>): void {
    const values = new Map<string, number>(Object.entries(given));
    const written = [
      names.indexOf(name),
      ...operations[name].map((argument) => values.get(argument) ?? none),
    ];
    this.#operations.push(...written, ...Array<number>(words - written.length).fill(0));
  }

  /** `result`: the address of what comes back. */
  end(result: number, states: readonly (readonly number[])[] = [[0]], hidden = none): Written {
    const head = [this.R, this.#counts.length, this.#wanted.length, this.#floats, result, hidden];
    const sequences = this.#counts.flatMap((count, s) => {
      const first = this.#counts.slice(0, s).reduce((sum, before) => sum + before, 0);
      return [this.#counts.length - 1 - s, first, count]; // slots the other way round
    });
    return {
      list: [...head, ...Array<number>(words - head.length).fill(0), ...this.#operations],
      tables: [...sequences, ...Array(this.R).keys(), ...this.#wanted],
      weights: this.#weights,
      states,
    };
  }

  #weight(of: Weight, bytes: Uint8Array): number {
    return this.#weights.push({ of, bytes }) - 1;
  }
}

export function floatBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

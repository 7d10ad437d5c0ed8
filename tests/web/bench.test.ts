// What the benchmark tells is whole: every column of every task is a number. How large they are is no test's matter.
import { expect, test } from 'vitest';
import type { ModelInfo } from '../../dist/node.js';
import { RWKV } from '../../dist/node.js';

type Rates = Record<string, number[]>;
interface Configuration {
  readonly host: string;
  readonly model: string;
  readonly quantization: string;
  readonly build: string;
  readonly threads: number;
}
interface Result {
  readonly configuration: Configuration;
  readonly info: ModelInfo;
  readonly rates: Rates;
}
interface Modules {
  readonly 'measure.mjs': {
    measure(
      door: typeof RWKV,
      source: null,
      options: object,
      plan: object,
    ): Promise<Omit<Result, 'configuration'>>;
  };
  readonly 'report.mjs': {
    rowsOf(results: Result[], limitsOf: () => Record<string, number>): Record<string, string | number>[];
    tableLines(rows: Record<string, string | number>[]): string[];
  };
  readonly 'positions.mjs': {
    walkPositions(
      door: typeof RWKV,
      source: null,
      options: object,
      plan: object,
      memory: () => number,
    ): Promise<{ points: { position: number; ms: number[]; memory_bytes: number }[] }>;
  };
}

// The programs are plain JavaScript.
async function load<K extends keyof Modules>(name: K): Promise<Modules[K]> {
  const module: Modules[K] = await import(new URL(`../bench/lib/${name}`, import.meta.url).href);
  return module;
}

const options = { build: 'baseline', threads: 1 } as const;

test('a row for every task, with a number in every column', async () => {
  const { measure } = await load('measure.mjs');
  const { rowsOf, tableLines } = await load('report.mjs');
  const measured = await measure(RWKV, null, options, { batches: [1, 2], prefill: 16, samples: 1 });
  const configuration = { host: 'Node', model: 'storyteller', quantization: 'q8', ...options };
  const limits = { 'read 1': 1e10, 'read 2': 2e10, 'read 4': 1e10, 'read 8': 1e10, f32: 1e10, i16: 1e11 };
  const rows = rowsOf([{ configuration, ...measured }], () => limits);
  expect(rows.map(({ task }) => task)).toEqual(['decode', 'batch 2', 'prefill 16']);
  for (const row of rows) {
    expect(row).toMatchObject(configuration);
    for (const value of Object.values(row))
      if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite);
    for (const name of ['tokensPerSecond', 'quietTokensPerSecond', 'gigaoperationsPerSecond', 'shareOfLimit'])
      expect(row[name]).toBeGreaterThan(0);
  }
  const lines = tableLines(rows);
  expect(lines).toHaveLength(4);
  expect(lines.join('\n')).not.toContain('NaN');
});

test('time per token at every position that was asked for', async () => {
  const { walkPositions } = await load('positions.mjs');
  const plan = { positions: [100, 300], blocks: 2 };
  const { points } = await walkPositions(RWKV, null, options, plan, () => 1);
  expect(points.map(({ position }) => position)).toEqual([100, 300]);
  for (const { ms, memory_bytes } of points) {
    expect(ms).toHaveLength(2);
    for (const time of ms) expect(time).toBeGreaterThan(0);
    expect(memory_bytes).toBe(1);
  }
});

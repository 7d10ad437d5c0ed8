// The two tables of operations are one.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { none, operations, operationWords } from '../../../dist/worker/gpu/operations.js';

const header = readFileSync(new URL('../../../src/recording/operations.h', import.meta.url), 'utf8');

test('the replay knows the operations of the core, with their arguments, in their order', () => {
  const rows = [...header.matchAll(/\{Operation::k\w+,\s*"(\w+)",\s*\{([^}]*)\}\}/g)];
  const table = rows.map(([, name, names = '']) => [
    name,
    [...names.matchAll(/"(\w+)"/g)].map(([, one]) => one),
  ]);
  expect(table.length).toBeGreaterThan(0);
  expect(table).toEqual(Object.entries(operations));
});

test('the words that mean something else are those of the core', () => {
  expect(Number(/kOperationWords = (\w+)/.exec(header)?.[1])).toBe(operationWords);
  expect(Number(/kNone = (\w+)/.exec(header)?.[1])).toBe(none);
});

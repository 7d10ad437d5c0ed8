// Node writes what it has counted when a process ends; Vitest ends its own before.
import { takeCoverage } from 'node:v8';
import { afterAll } from 'vitest';

afterAll(() => takeCoverage());

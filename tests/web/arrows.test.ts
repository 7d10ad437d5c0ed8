import { expect, test } from 'vitest';
import { violations } from './arrows.js';
import { sources } from './sources.js';

test('every include and import follows an arrow', () => {
  const files = sources();
  expect(files.size).toBeGreaterThan(50);
  expect(violations(files)).toEqual([]);
});

test.each([
  ['src/kernels/matmul.cpp', '#include "model/model.h"', /matmul.cpp \(kernels\) sees .*\(model\)/],
  ['src/model/time_mix7.h', '#include "formats/pth.h"', /\(model\) sees .*\(formats\)/],
  ['src/formats/pth.cpp', '#include "model/config.h"', /\(formats\) sees .*\(loading\)/],
  [
    'src/formats/containers/zip.cpp',
    '#include "formats/checkpoint.h"',
    /\(containers\) sees .*\(checkpoint\)/,
  ],
  ['src/formats/dialects/rules.cpp', '#include "formats/packed.h"', /\(dialects\) sees .*\(formats\)/],
  ['src/tokenizer/world.cpp', '#include "formats/checkpoint.h"', /\(tokenizer\) sees .*\(checkpoint\)/],
  ['src/sampling/sampler.cpp', '#include "tokenizer/tokenizer.h"', /\(sampling\) sees .*\(tokenizer\)/],
  ['src/tensor.h', '#include "kernels/kernels.h"', /\(tensor\) sees .*\(kernels\)/],
  ['src/pool.cpp', '#include "tensor.h"', /\(pool\) sees .*\(tensor\)/],
  ['web/worker/thread.ts', "import { Turns } from './turns.js';", /\(thread\) sees .*\(worker\)/],
  ['wasm/bindings.cpp', '#include "kernels/kernels.h"', /\(bindings\) sees .*\(kernels\)/],
  ['src/kernels/wkv.cpp', '#include <immintrin.h>', /knows intrinsics headers/],
  ['src/kernels/wkv.cpp', '#include <wasm_simd128.h>', /knows intrinsics headers/],
  ['src/quant/matrix.cpp', '#  include <xsimd/xsimd.hpp>', /knows intrinsics headers/],
  ['src/session/session.cpp', '#include <emscripten/val.h>', /knows emscripten headers/],
  ['src/training/tape.cpp', '#include "session/session.h"', /\(training\) sees .*\(session\)/],
  ['src/session/session.cpp', '#include "training/learning.h"', /\(session\) sees .*\(training\)/],
  ['src/helpers.h', '', /stands in no room/],
  ['web/page/client.ts', "import { Turns } from '../worker/turns.js';", /\(client\) sees .*\(worker\)/],
  [
    'web/worker/handlers.ts',
    "import type { Client } from '../page/client.js';",
    /\(worker\) sees .*\(client\)/,
  ],
  ['web/shared/protocol.ts', "import { x } from '../page/options.js';", /\(shared\) sees .*\(options\)/],
  ['web/page/session.ts', "const x = await import('../worker/engine.js');", /\(page\) sees .*\(worker\)/],
  [
    'web/worker/vocabulary/vocabulary.ts',
    "import x from '../../wasm/rwkv-baseline.mjs';",
    /\(vocabularies\) sees .*\(glue\)/,
  ],
  ['web/index.ts', "export * from './worker/engine.js';", /\(doors\) sees .*\(worker\)/],
  [
    'web/adapters/openai/run.ts',
    "import { Client } from '../../page/client.js';",
    /\(adapters\) sees .*\(client\)/,
  ],
  ['web/page/session.ts', "import { run } from '../adapters/openai/run.js';", /\(page\) sees .*\(adapters\)/],
  ['web/adapters/openai.ts', "import { Hono } from 'hono';", /imports the package hono/],
  ['web/serve/app.ts', "import { Session } from '../page/session.js';", /\(server\) sees .*\(page\)/],
  ['web/page/model.ts', "import { sum } from 'lodash';", /imports the package lodash/],
  ['web/demo/main.tsx', "import { Client } from '../page/client.js';", /\(demo\) sees .*\(client\)/],
  ['web/page/load.ts', "import { readFile } from 'node:fs/promises';", /knows modules of Node/],
  ['web/worker/engine.ts', 'const response = await fetch(url);', /knows network and browser storage/],
  ['web/worker/handlers.ts', 'new FileReaderSync();', /knows network and browser storage/],
  ['web/page/load.ts', 'await navigator.storage.persist();', /knows network and browser storage/],
  ['web/worker/turns.ts', 'port.postMessage(null);', /knows postMessage/],
  ['web/page/places.ts', 'if (source instanceof Blob) return;', /knows instanceof/],
])('a violation planted in %s is found: %s', (path, line, expected) => {
  const files = sources();
  const before = violations(files);
  files.set(path, `${files.get(path) ?? ''}\n${line}\n`);
  const found = violations(files).filter((sentence) => !before.includes(sentence));
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
});

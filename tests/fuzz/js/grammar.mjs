// JSON schemas and grammars: each is refused, fails within the engine's limits, or rules a text, which then keeps the schema.

import { Worker } from 'node:worker_threads';
import Ajv from 'ajv/dist/2020.js';
import { RWKV } from '../../../dist/node.js';
import { spawnNode } from '../../../dist/node-worker.js';
import { Engine } from '../../../dist/page/grammar/engine.js';
import { tiny } from './models.mjs';
import { mutated, text } from './mutate.mjs';
import { outcomeOf, workingModel } from './promise.mjs';

const name = { type: 'string', minLength: 1, maxLength: 5 };
// Of numbers with bounds the library gives the excluded bound too; integers it gets right.
const schemas = [
  { type: 'object', properties: { name, age: { type: 'integer' } }, required: ['name', 'age'] },
  { type: 'array', items: { enum: ['a', 1, null, true, 'ä"\\'] }, minItems: 1, maxItems: 3 },
  { anyOf: [{ type: 'boolean' }, { const: { a: [1, 'b'] } }, { type: 'integer', minimum: -5, maximum: 70 }] },
  { $defs: { list: { type: 'array', items: { $ref: '#/$defs/list' }, maxItems: 2 } }, $ref: '#/$defs/list' },
  { type: 'string', pattern: '^[a-c]{2,4}(x|[^a-y])?$' },
  { type: 'object', properties: { a: name }, additionalProperties: { type: ['null', 'boolean'] } },
  { type: 'array', prefixItems: [{ type: 'null' }, { type: 'number' }], items: false },
  { type: 'object', patternProperties: { '^x[0-9]$': { type: 'integer' } }, additionalProperties: false },
  {
    allOf: [{ type: 'object', properties: { b: { type: 'integer', exclusiveMinimum: 0 } }, required: ['b'] }],
  },
  { type: 'string', format: 'date' },
];
const grammars = [
  'root ::= "yes" | "no"',
  'root ::= item ("," item)* \nitem ::= [a-z]{1,3} | "(" item ")"',
  'root ::= ([^a-z\\n] | "\\u00e4" | "\\"")+ "."  # a remark',
  'root ::= a? b+ c{2,3}\na ::= "a" | ""\nb ::= [^\\x00-\\x7f]\nc ::= "c" (=[a-d]*)',
];
const another = (random) => structuredClone(random.of(schemas));
const limits = { seconds: 10, bytes: 2 ** 29 };
// What ends a text soon: quotes, closing brackets, the end of text.
const logitBias = { 0: 5, 34: 5, 93: 5, 125: 5 };

export async function open() {
  const script = new URL('../../../dist/grammar-worker-node.js', import.meta.url);
  const grammar = new Engine(
    (events) => spawnNode(events, (options) => new Worker(script, options), ''),
    limits,
  );
  const model = await RWKV.load(tiny, { tokenizer: 'bytes', grammar });
  // What the library does not heed it says when it compiles a schema, and it is not held to that.
  let schema;
  const inPart = new Set();
  console.warn = () => inPart.add(schema);

  const write = async (rules, random) => {
    const session = await model.createSession({ seed: random.below(1000) });
    try {
      const { text, finishReason } = await session.complete('Once', { maxTokens: 60, logitBias, ...rules })
        .result;
      return finishReason === 'end-of-text' ? text : undefined;
    } finally {
      await session.dispose();
    }
  };
  const works = await workingModel(model);
  return {
    async works() {
      await works();
      if ((await write({ grammar: 'root ::= "fine"' }, { below: () => 1 })) !== 'fine')
        throw new Error('not fine');
    },
    async attempt(random) {
      if (random.below(3) === 0)
        return `grammar ${await outcomeOf(() => write({ grammar: text(random.of(grammars), random) }, random))}`;
      const jsonSchema = mutated(random.of(schemas), random, random.below(3) ? another : undefined);
      schema = JSON.stringify(jsonSchema);
      let written;
      const outcome = await outcomeOf(async () => {
        written = await write({ jsonSchema }, random);
      });
      if (outcome !== 'good' || written === undefined) return `schema ${outcome}`;
      // Its characters are bytes of the form of UTF-8, some of which are no character and become several.
      if (written.includes('\ufffd')) return 'schema of no characters';
      return inPart.has(schema) ? 'schema in part' : checked(written, schema);
    },
  };
}

// The library lets keywords be where their type is not named; a strict schema names it.
const strict = {
  strict: true,
  strictTuples: false,
  strictTypes: true,
  logger: false,
  validateFormats: false,
};

/** @throws where the text does not keep a strict schema */
function checked(text, schema) {
  const value = JSON.parse(text, (_, part) => (Math.abs(part) === Infinity ? Number.MAX_VALUE : part)); // 1E999
  let keeps;
  try {
    keeps = new Ajv(strict).compile(JSON.parse(schema));
  } catch {
    return 'schema not strict';
  }
  if (!keeps(value)) throw new Error(`${schema}\nis not kept by ${text}`);
  return 'schema kept';
}

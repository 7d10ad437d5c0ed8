// Inputs near good ones: bytes, texts and JSON values with a few things put elsewhere.

/** Texts that mean something somewhere, or are long, or no Unicode. */
const texts = [
  ...[
    '',
    ' ',
    'a',
    'Once upon a time',
    '\n\n',
    '\n\nUser:',
    'User: x\n\nAssistant:',
    '<think>',
    '</think>',
    '<tool_call>',
  ],
  ...[
    '\0',
    '\ud800',
    '\udc00x',
    '\u{1f98a}',
    'e\u0301',
    '\ufeff',
    '\u2028',
    'constructor',
    '__proto__',
    'toString',
    'null',
    '{}',
    '[',
  ],
  ...[
    'x'.repeat(100),
    'ab '.repeat(20_000),
    '\u{1f98a}'.repeat(1000),
    '(a+)+$',
    '\\p{L}+',
    '[^]',
    '(?<=a)b',
    '(?<n>a)\\k<n>',
    'a{1,65536}',
  ],
];
const numbers = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  1.5,
  -1.5,
  20,
  21,
  255,
  256,
  4095,
  4096,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e308,
  5e-324,
];

/** A value as JSON has them. */
export function jsonValue(random, depth = 0) {
  const kind = random.below(depth < 3 ? 7 : 4);
  if (kind === 0) return random.of([true, false, null]);
  if (kind === 1) return random.of(numbers);
  if (kind < 4) return random.of(texts);
  const items = Array.from({ length: random.below(4) }, () => jsonValue(random, depth + 1));
  if (kind === 4) return nested(random.of([1, 10, 300, 3000]), random.below(2) === 0);
  if (kind === 5) return items;
  return Object.fromEntries(items.map((item) => [random.of(texts), item]));
}

function nested(depth, isList) {
  let value = isList ? [] : {};
  for (let i = 0; i < depth; i++) value = isList ? [value] : { a: value };
  return value;
}

/** A value as only programs have them. */
export function anyValue(random) {
  const odd = [
    undefined,
    NaN,
    Infinity,
    -Infinity,
    7n,
    Symbol('s'),
    () => 1,
    new Date(0),
    /x/,
    new Map([[1, 2]]),
    new Set([1]),
  ];
  odd.push(
    new Uint8Array(3),
    new Float32Array([NaN, 1]),
    Object.create(null),
    new Error('e'),
    Promise.resolve(1),
    new Array(2),
    new ArrayBuffer(2),
  );
  return random.below(2) === 0 ? random.of(odd) : jsonValue(random);
}

/** A copy of a JSON value with some places changed. */
export function mutated(value, random, values = jsonValue) {
  const copy = structuredClone(value);
  const root = { root: copy };
  for (let times = 1 + random.below(3); times > 0; times--) mutateOnce(root, random, values);
  return root.root;
}

function mutateOnce(root, random, values) {
  let [holder, key] = [root, 'root'];
  for (;;) {
    const value = holder[key];
    const keys = isPlain(value) ? Object.keys(value) : [];
    if (keys.length === 0 || random.below(4) === 0) break;
    [holder, key] = [value, random.of(keys)];
  }
  const value = holder[key];
  const deed = random.below(6);
  if (deed === 0 && holder !== root) delete holder[key];
  else if (deed === 1 && typeof value === 'string') holder[key] = text(value, random);
  else if (deed === 2 && typeof value === 'number') holder[key] = value + random.of([1, -1, 0.5, 2 ** 31]);
  else if (deed === 3 && Array.isArray(value))
    value.push(...(value.length < 1000 ? structuredClone(value) : []));
  else if (deed === 4 && isPlain(value)) give(value, random.of(texts), values(random));
  else holder[key] = values(random);
}

const isPlain = (value) =>
  Array.isArray(value) || Object.prototype === (Object(value) === value && Object.getPrototypeOf(value));

// As JSON.parse does, to which __proto__ is a name as any.
function give(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A text with some places changed. */
export function text(value, random) {
  let changed = value;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const from = random.below(changed.length + 1);
    const length = random.of([0, 1, 1, 2, 10, changed.length]);
    const put = random.of([
      '',
      ...texts,
      value.slice(random.below(value.length + 1)).slice(0, 20),
      String(random.of(numbers)),
    ]);
    changed = changed.slice(0, from) + put + changed.slice(from + length);
  }
  return changed;
}

/** Bytes with some places changed. */
export function bytes(value, random) {
  let changed = Buffer.from(value);
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(changed.length + 1);
    const word = Buffer.from(
      Uint32Array.of(
        random.of([0, 1, 0xff, 0x7fc00000, 0x7f800000, 0xffffffff, 2 ** 31, random.below(2 ** 32)]),
      ).buffer,
    );
    const deed = random.below(5);
    if (deed === 0) changed = changed.subarray(0, at);
    else if (deed === 1) changed = Buffer.concat([changed.subarray(0, at), word, changed.subarray(at)]);
    else if (deed === 2 && at < changed.length) changed[at] ^= 1 << random.below(8);
    else if (deed === 3)
      changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + random.below(64))]);
    else word.copy(changed, at - (at % 4));
  }
  return new Uint8Array(changed);
}

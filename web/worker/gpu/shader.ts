// The program of a dispatch: WGSL of its steps, the words that it reads as their arguments, and its workgroups.
import { behaviours } from './behaviour.js';
import { kernels } from './kernels.mjs';
import { type OperationName, operations } from './operations.js';
import type { Dispatch } from './schedule.js';
import { argument, type Step } from './steps.js';

/** u32 words of a step's arguments in a program. */
export const stepWords = 16;
/** What a step knows besides: of products and embedding tables its piece; of all how many rows it has, and how wide. */
const pieceNames: Partial<Record<OperationName, readonly string[]>> = {
  matmul: ['first', 'groups'],
  embed: ['first', 'count'],
  add_rows: ['first', 'count'],
};

/** What of WebGPU programs may use that not every device has. */
export interface Features {
  readonly subgroups: boolean;
}

const lanes = { element: 256, row: 256, head: 64 };
const rowsOfTile = 32;
const groupsOfTile = 8;
const mostRows = 8; // for which weights are read again and again rather than in tiles
const mostWorkgroups = 65535; // in a dimension: what every device has

/** How a tensor's numbers are written, as kernels say it: `q4`, `bf16`. */
export type FormatOf = (step: Step) => string;

/** Programs with the same key have the same text. */
export function keyOf(dispatch: Dispatch, formatOf: FormatOf, { subgroups }: Features): string {
  const steps = dispatch.steps.map((step) => step.name + (step.piece ? ` ${formatOf(step)}` : ''));
  const form = isRow(dispatch) ? 'rows' : dispatch.span;
  const sums = subgroups && hasSums(dispatch) ? 'subgroups' : 'barriers';
  return [form, ...Object.values(sizesOf(dispatch)), sums, ...steps].join(', ');
}

const isRow = ({ span, steps: [first] }: Dispatch) =>
  span === 'matmul' && first !== undefined && first.rows <= mostRows;

/** Whether its lanes add anything up. */
const hasSums = (dispatch: Dispatch) =>
  isRow(dispatch) || dispatch.steps.some(({ name }) => behaviours[name].isCollective);

/** The sizes that a program is made for: lanes of a workgroup, rows of x that it multiplies at once, and the size of heads. */
function sizesOf(dispatch: Dispatch): Readonly<Record<'LANES' | 'ROWS' | 'HEAD', number>> {
  const { span, steps } = dispatch;
  const ROWS = isRow(dispatch) && steps[0]?.rows !== 1 ? 4 : 1;
  const heads = steps.find((step) => step.arguments.has('heads'));
  const HEAD = heads ? heads.width / argument(heads.arguments, 'heads') : 4;
  return { LANES: span === 'matmul' ? lanesOfProducts(dispatch, ROWS) : lanes[span], ROWS, HEAD };
}

/** Of one row so many that each has some four quads of columns: more of them would wait for memory one after the other. */
function lanesOfProducts(dispatch: Dispatch, rows: number): number {
  if (!isRow(dispatch) || rows > 1) return 64;
  const columns = Math.max(...dispatch.steps.map((step) => step.arguments.get('K') ?? 0));
  return columns >= 4096 ? 256 : columns >= 2048 ? 128 : 64;
}

const typeOf = (name: string) => name.replace(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase());

export function shaderOf(dispatch: Dispatch, formatOf: FormatOf, features: Features): string {
  const subgroups = features.subgroups && hasSums(dispatch);
  const formats = new Set(dispatch.steps.filter(({ piece }) => piece).map(formatOf));
  const templates = dispatch.span === 'matmul' ? [isRow(dispatch) ? 'matmul_row' : 'matmul_tile'] : ['embed'];
  const own = dispatch.span === 'matmul' ? [...formats, 'matmul'] : ['embeddings'];
  const sums = subgroups ? 'sums_subgroups' : 'sums';
  const common = ['bindings', sums, 'rows', 'pointwise', 'norms', 'wkv', ...own].map((name) => textOf(name));
  const inFormats = [...formats].flatMap((format) =>
    templates.map((template) => textOf(template).replaceAll('FORMAT', format)),
  );
  return [
    ...(subgroups ? ['enable subgroups;'] : []),
    ...Object.entries(sizesOf(dispatch)).map(([name, size]) => `const ${name} = ${size}u;`),
    ...Object.keys(operations).map(structOf),
    `struct Program { ${dispatch.steps.map(({ name }, i) => `s${i}: ${typeOf(name)}`).join(', ')} }`,
    ...common,
    ...inFormats,
    `@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32${subgroups ? ', @builtin(subgroup_size) size: u32) {\nSUBGROUP = size;' : ') {'}
${(dispatch.span === 'matmul' ? products(dispatch, formatOf) : rows(dispatch, formatOf)).join('\n')}
}`,
  ].join('\n');
}

function textOf(name: string): string {
  const text = kernels[name];
  if (text === undefined) throw new Error(`no kernels/${name}.wgsl`);
  return text;
}

/** Words by name. */
function structOf(name: string): string {
  if (!isOperation(name)) throw new Error(`no operation ${name}`);
  const fields = wordsOf(name).map((word) => `${word}: ${word === 'eps' ? 'f32' : 'u32'}`);
  return `struct ${typeOf(name)} { ${fields.join(', ')} }`;
}

const isOperation = (name: string): name is OperationName => name in operations;

/** The names of a step's words. */
export function wordsOf(name: OperationName): string[] {
  const names = [...operations[name], ...(pieceNames[name] ?? [])];
  while (names.length < stepWords - 2) names.push(`unused${names.length}`);
  return [...names, 'row_count', 'row_width'];
}

// A workgroup has a row, or a head of a row, or a run of elements, and does all steps on it.
function rows({ span, steps }: Dispatch, formatOf: FormatOf): string[] {
  const first = 'program.s0';
  const openings: Record<Dispatch['span'], string[]> = {
    element: [
      'let i = (id.y * count.x + id.x) * LANES + lane;',
      `if (i >= ${first}.row_count * ${first}.row_width) { return; }`,
    ],
    row: [`let row = id.y * count.x + id.x;`, `if (row >= ${first}.row_count) { return; }`],
    head: [
      'let row = id.y;',
      `let width = ${first}.row_width / count.x;`,
      `let begin = row * ${first}.row_width + id.x * width;`,
    ],
    matmul: [],
  };
  const lines = openings[span];
  steps.forEach((step, i) => {
    const previous = steps[i - 1];
    if (span !== 'element' && previous && !haveSameLanes(previous, step)) lines.push('storageBarrier();');
    const call = step.piece ? `${step.name}_${formatOf(step)}` : step.name;
    const { isCollective } = behaviours[step.name];
    const own = `program.s${i}`;
    if (span === 'element') lines.push(`${call}(${own}, i);`);
    else if (isCollective) lines.push(`${call}(${own}, row, ${span === 'head' ? 'id.x, ' : ''}lane);`);
    else if (span === 'head')
      lines.push(`for (var c = lane; c < width; c += LANES) { ${call}(${own}, begin + c); }`);
    else
      lines.push(
        `for (var c = lane; c < ${own}.row_width; c += LANES) { ${call}(${own}, row * ${own}.row_width + c); }`,
      );
  });
  return lines;
}

/** Whether each lane finds what it needs of the step before among what it made itself. */
function haveSameLanes(previous: Step, step: Step): boolean {
  const areElements = [previous, step].every(({ name }) => behaviours[name].span === 'element');
  return areElements && previous.width === step.width;
}

// A workgroup has some rows of one of the matrices, `a`, and then does what follows on the elements that its lanes have made.
function products(dispatch: Dispatch, formatOf: FormatOf): string[] {
  const chains = chainsOf(dispatch);
  const parts = isRow(dispatch) ? 'a.groups' : `(a.groups + ${groupsOfTile - 1}) / ${groupsOfTile}`;
  const lines = [
    `var part = ${isRow(dispatch) ? 'id.y * count.x + id.x' : 'id.x'};`,
    'var chosen = 0u;',
    'var a = program.s0;',
  ];
  chains.slice(1).forEach(({ first }, i) => {
    lines.push(
      `if (chosen == ${i}u && part >= ${parts}) { part -= ${parts}; chosen++; a = program.s${first}; }`,
    );
  });
  lines.push(`if (part >= ${parts}) { return; }`);
  for (const format of new Set(chains.map(({ product }) => formatOf(product)))) {
    const own = chains.flatMap(({ product }, i) => (formatOf(product) === format ? [`chosen == ${i}u`] : []));
    const call = isRow(dispatch)
      ? `row_${format}(a, part, id.z, lane);`
      : `tile_${format}(a, part, id.y, lane);`;
    lines.push(own.length === chains.length ? call : `if (${own.join(' || ')}) { ${call} }`);
  }
  const cases = chains.flatMap(({ first, following }, i) => {
    const calls = following.map(({ name }, j) => `${name}(program.s${first + 1 + j}, i);`);
    return calls.length > 0 ? [`case ${i}u: { ${calls.join(' ')} }`] : [];
  });
  if (cases.length === 0) return lines;
  const follow = `if (i != NONE) { switch chosen { ${cases.join(' ')} default: {} } }`;
  return isRow(dispatch)
    ? [...lines, 'let i = element_of_row(a, part, id.z, lane);', follow]
    : [
        ...lines,
        `for (var e = 0u; e < rows_of_tile(a, id.y); e++) {`,
        'let i = element_of_tile(a, part, id.y, lane, e);',
        follow,
        '}',
      ];
}

/** Products, each with its number among the steps and with the steps that take its elements. */
function chainsOf({ steps }: Dispatch): { product: Step; first: number; following: Step[] }[] {
  const chains: { product: Step; first: number; following: Step[] }[] = [];
  steps.forEach((step, first) => {
    if (step.piece) chains.push({ product: step, first, following: [] });
    else chains.at(-1)?.following.push(step);
  });
  return chains;
}

/** How many workgroups: x, y, z. */
export function workgroupsOf(dispatch: Dispatch): [number, number, number] {
  const { span, steps } = dispatch;
  const [first] = steps;
  if (!first) return [0, 0, 0];
  const spread = (count: number, z = 1): [number, number, number] => {
    const x = Math.min(count, mostWorkgroups);
    return [x, Math.ceil(count / x), z];
  };
  if (span === 'row') return spread(first.rows);
  if (span === 'element') return spread(Math.ceil((first.rows * first.width) / lanes.element));
  if (span === 'head') {
    const heads = steps.flatMap((step) => step.arguments.get('heads') ?? []);
    return [heads[0] ?? 1, first.rows, 1];
  }
  const groups = steps.flatMap(({ piece }) => piece?.count ?? []);
  if (isRow(dispatch))
    return spread(
      groups.reduce((sum, count) => sum + count, 0),
      Math.ceil(first.rows / sizesOf(dispatch).ROWS),
    );
  return [
    groups.reduce((sum, count) => sum + Math.ceil(count / groupsOfTile), 0),
    Math.ceil(first.rows / rowsOfTile),
    1,
  ];
}

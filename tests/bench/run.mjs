// How fast the package is, and how near to what the machine can do: npm run bench -- --help, and README.md.
import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { buildAll } from '../../wasm/build.mjs';
import { count, listOf } from './lib/choices.mjs';
import { openChromium } from './lib/chromium-host.mjs';
import { describeMachine, describeModules, describePackage, loadOfMachine } from './lib/machine.mjs';
import { modelNames } from './lib/models.mjs';
import { openNode } from './lib/node-host.mjs';
import { measurePositions, positionLines } from './lib/position-runs.mjs';
import { limitLine, rowsOf, tableLines } from './lib/report.mjs';
import { limitsFor, measureAll } from './lib/rounds.mjs';
import { measureSessions, measureSizes } from './lib/scale-runs.mjs';
import { measureStartUp, startUpLines } from './lib/start-up-runs.mjs';

const program = new Command('npm run bench --')
  .description('Tokens a second, bytes and operations a second, and their share of what the machine can do.')
  .option('--quick', 'fewer models, types and samples: a few minutes')
  .option('--models <list>', `${modelNames.join(',')} (default: all but 1.5B)`, listOf(modelNames))
  .option(
    '--quantizations <list>',
    'q8,q4,f16,f32 (default: the first three)',
    listOf(['q8', 'q4', 'f16', 'f32']),
  )
  .option('--builds <list>', 'relaxed,baseline', listOf(['relaxed', 'baseline']))
  .option('--threads <list>', 'threads to compute with (default: 1,2)', listOf([1, 2, 3, 4]))
  .option('--hosts <list>', 'Node,Chromium', listOf(['Node', 'Chromium']))
  .option('--batches <list>', 'sessions at the same time (default: 1,4,8)', listOf([1, 2, 4, 8, 16]))
  .option('--prefill <tokens>', 'length of the prompt', count, 512)
  .option('--rounds <n>', 'visits of each configuration (default: 3)', count)
  .option('--samples <n>', 'samples a visit (default: 6)', count)
  .option('--node <path>', 'another Node to measure in')
  .option('--json <file>', 'writes all samples')
  .option(
    '--plot <file>',
    'writes an SVG of time and memory against the position in the text, and nothing else',
  )
  .addOption(
    new Option('--plot-against <what>', 'of time against the size of models, or of rates against sessions')
      .choices(['position', 'size', 'sessions'])
      .default('position'),
  )
  .addOption(new Option('--plot-model <name>').choices(modelNames).default('storyteller'))
  .option('--plot-positions <n>', 'the last position', count, 100_000)
  .parse();
const given = program.opts();
const defaults = given.quick
  ? { models: ['0.1B', 'storyteller'], quantizations: ['q8', 'q4'], rounds: 2, samples: 3 }
  : {
      models: modelNames.filter((name) => name !== '1.5B'),
      quantizations: ['q8', 'q4', 'f16'],
      rounds: 3,
      samples: 6,
    };
const options = {
  ...defaults,
  ...{ builds: ['relaxed', 'baseline'], threads: [1, 2], hosts: ['Node', 'Chromium'], batches: [1, 4, 8] },
  ...given,
};

const progress = (text) => console.error(text);
await buildAll();
const report = { machine: describeMachine(), package: describePackage(), options, load: [loadOfMachine()] };
if (options.plot) {
  const node = await openNode(options.node);
  if (options.plotAgainst === 'position') {
    report.positions = await measurePositions(node, options, progress);
    for (const line of positionLines(report.positions)) console.log(line);
  } else {
    const measured = options.plotAgainst === 'size' ? measureSizes : measureSessions;
    report.lines = await measured(node, options, progress);
    for (const [name, points] of Object.entries(report.lines))
      console.log(`${name}: ${points.map(([x, y]) => `${x.toFixed(0)} ${y.toFixed(1)}`).join(', ')}`);
  }
} else {
  const open = { Node: () => openNode(options.node), Chromium: openChromium };
  const hosts = [];
  try {
    for (const name of options.hosts) hosts.push(await open[name]());
    report.modules = describeModules();
    report.hosts = hosts.map(({ name, version }) => ({ name, version }));
    const plan = { batches: options.batches, prefill: options.prefill, samples: options.samples };
    const limitsPlan = { megabytes: 256, milliseconds: 50, windows: options.quick ? 2 : 4 };
    const measured = await measureAll({ ...options, hosts, plan, limitsPlan }, progress);
    const { results, limits, limitRounds, skipped } = measured;
    const rows = rowsOf(results, (configuration) => limitsFor(limits, configuration));
    Object.assign(report, { rows, results, limits: Object.fromEntries(limits), limitRounds, skipped });
    const { cpu, cores } = report.machine;
    console.log(
      `${cpu}, ${cores} cores; ${report.hosts.map((host) => `${host.name} ${host.version}`).join(', ')}`,
    );
    for (const [key, work] of limits) console.log(limitLine(...key.split(' '), work));
    for (const line of ['', ...tableLines(rows), '']) console.log(line);
    for (const { key, reason } of skipped) console.log(`skipped ${key}: ${reason}`);
    for (const { name, bytes, gzipBytes } of report.modules)
      console.log(`${name}: ${bytes} bytes, ${gzipBytes} with gzip`);
    const browser = hosts.find((host) => host.startUp);
    if (browser) {
      report.startUp = await measureStartUp(browser, options.rounds * 2);
      console.log(startUpLines(report.startUp));
    }
  } finally {
    for (const host of hosts) await host.close();
  }
}
report.load.push(loadOfMachine());
console.log(`load of the machine: ${report.load.map((load) => load.toFixed(1)).join(' before, ')} after`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);

// A whole run: limits and models, visited in rounds, every configuration once a round.
import { ensureBuilt, ensureModel } from './models.mjs';

/** The preset and the module of limits of each build of the core. */
const presets = { baseline: 'wasm', relaxed: 'wasm-relaxed' };

export const limitsKey = ({ host, build, threads }) => `${host} ${build} ${threads}`;
const nameOf = ({ host, model, quantization, build, threads }) =>
  `${host} ${model} ${quantization} ${build} ${threads}`;

/** All that is to be measured: every combination of what was asked for. */
export function configurations({ hosts, models, quantizations, builds, threads }) {
  const each = (key, values, rest) =>
    rest.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
  const lists = { host: hosts.map(({ name }) => name), model: models, quantization: quantizations };
  return Object.entries({ ...lists, build: builds, threads }).reduce(
    (all, [key, values]) => each(key, values, all),
    [{}],
  );
}

/** How many of the wanted threads a host gives each build: asked of the embedded model, which loads at once. */
async function findSkipped(wanted, hosts) {
  const reasons = new Map();
  for (const { host, build, threads } of wanted) {
    const key = limitsKey({ host, build, threads });
    if (reasons.has(key)) continue;
    const { skipped } = await hosts.get(host).measure(null, { build, threads }, { batches: [], prefill: 0 });
    reasons.set(key, skipped);
  }
  return reasons;
}

/**
 * Visits everything `rounds` times. Answers `results` ({ configuration, info, rates }), `limits` by `limitsKey`, and
 * what was `skipped` and why. `progress(text)` hears what is done.
 */
export async function measureAll({ hosts: list, rounds, plan, limitsPlan, ...matrix }, progress) {
  const hosts = new Map(list.map((host) => [host.name, host]));
  const wanted = configurations({ hosts: list, ...matrix });
  const reasons = await findSkipped(wanted, hosts);
  const skipped = [...reasons].filter(([, reason]) => reason).map(([key, reason]) => ({ key, reason }));
  const here = wanted.filter((one) => !reasons.get(limitsKey(one)));
  const results = new Map();
  const limits = new Map();
  const limitRounds = [];
  for (let round = 1; round <= rounds; round++) {
    for (const { host, build, threads } of distinct(here, limitsKey)) {
      const file = await ensureBuilt(presets[build], 'limits', `build/${presets[build]}/tests/limits.wasm`);
      progress(`round ${round}: limits of ${host} ${build} ${threads}`);
      const work = await hosts.get(host).limits(file, threads, limitsPlan);
      const key = limitsKey({ host, build, threads });
      const best = limits.get(key) ?? work;
      for (const name of Object.keys(work)) best[name] = Math.max(best[name], work[name]);
      limits.set(key, { ...best });
      limitRounds.push({ round, key, work: { ...work } });
    }
    for (const configuration of here) {
      progress(`round ${round}: ${nameOf(configuration)}`);
      const { host, model, quantization, build, threads } = configuration;
      const source = await ensureModel(model);
      const measured = await hosts.get(host).measure(source, { quantization, build, threads }, plan);
      if (measured.skipped) throw new Error(`${nameOf(configuration)}: ${measured.skipped}`);
      add(results, configuration, measured);
    }
  }
  return { results: [...results.values()], limits, limitRounds, skipped };
}

/**
 * What a configuration could reach: the limits of its build, and the best reading of any build, because memory is the
 * same for all. `limits`: as `measureAll` answers them.
 */
export function limitsFor(limits, { host, build, threads }) {
  const found = { ...limits.get(limitsKey({ host, build, threads })) };
  for (const other of Object.keys(presets)) {
    const work = limits.get(limitsKey({ host, build: other, threads })) ?? {};
    for (const [name, value] of Object.entries(work))
      if (name.startsWith('read')) found[name] = Math.max(found[name], value);
  }
  return found;
}

const distinct = (all, key) => [...new Map(all.map((one) => [key(one), one])).values()];

function add(results, configuration, { info, rates }) {
  const name = nameOf(configuration);
  const before = results.get(name);
  if (!before) return results.set(name, { configuration, info, rates });
  for (const [task, samples] of Object.entries(rates)) before.rates[task].push(...samples);
}

// What was covered, as a table: folders, then the files that miss most.

const mostFiles = 20;

/** @param {Map<string, Map<number, boolean>>} files - by path and line: whether it has run */
export function print(files) {
  const folders = new Map();
  const add = (folder, counts) => {
    const { covered = 0, all = 0 } = folders.get(folder) ?? {};
    folders.set(folder, { covered: covered + counts.covered, all: all + counts.all });
  };
  const missing = [];
  for (const [path, lines] of files) {
    const missed = [...lines].filter(([, hasRun]) => !hasRun).map(([line]) => line);
    const counts = { covered: lines.size - missed.length, all: lines.size };
    const [top, second] = path.split('/');
    add(`${top}/`, counts);
    add(path.split('/').length > 2 ? `${top}/${second}/` : `${top}/*`, counts);
    if (missed.length > 0) missing.push({ path, missed: missed.sort((a, b) => a - b) });
  }
  const rows = [...folders].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [folder, { covered, all }] of rows) {
    const share = `${((100 * covered) / all).toFixed(1)} %`;
    console.log(`${folder.padEnd(24)} ${share.padStart(8)}  ${covered} of ${all} lines`);
  }
  missing.sort((a, b) => b.missed.length - a.missed.length);
  console.log('\nlines that did not run');
  for (const { path, missed } of missing.slice(0, mostFiles)) console.log(`${path}: ${ranges(missed)}`);
}

// 3, 4, 5, 8 -> 3-5, 8
function ranges(numbers) {
  const found = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last?.to === number - 1) last.to = number;
    else found.push({ from: number, to: number });
  }
  return found.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(', ');
}

// How long a reader waits for the first token of a story in a page.
import { median } from './statistics.mjs';

/** `runs` readers: milliseconds from the navigation's start to each mark, on the first visit with nothing cached and on a later one. */
export async function measureStartUp(browser, runs) {
  await browser.startUp(); // the browser's own
  const marks = [];
  for (let i = 0; i < runs; i++) marks.push(await browser.startUp());
  return marks;
}

export function startUpLines(marks) {
  const lineOf = (name, visits) => {
    const ms = (of) => `${median(visits.map(of)).toFixed(0)} ms`;
    return (
      `storyteller in Chromium, ${name}, medians of ${visits.length}: navigation to first token ${ms(({ firstToken }) => firstToken)}: ` +
      `scripts ${ms(({ imported }) => imported)}, RWKV.load ${ms(({ imported, loaded }) => loaded - imported)}, ` +
      `first token ${ms(({ loaded, firstToken }) => firstToken - loaded)}`
    );
  };
  const visits = (which) => marks.map((reader) => reader[which]);
  return `${lineOf('nothing cached', visits('first'))}\n${lineOf('files cached', visits('later'))}`;
}

// How long a reader waits for the first token of a story in a page.
import { median } from './statistics.mjs';

/** `runs` visits of a page with nothing cached: milliseconds from the navigation's start to each mark. */
export async function measureStartUp(browser, runs) {
  await browser.startUp(); // the browser's own
  const marks = [];
  for (let i = 0; i < runs; i++) marks.push(await browser.startUp());
  return marks;
}

export function startUpLine(marks) {
  const ms = (of) => `${median(marks.map(of)).toFixed(0)} ms`;
  return (
    `storyteller in Chromium, medians of ${marks.length}: navigation to loaded ${ms(({ loaded }) => loaded)} ` +
    `(of it RWKV.load ${ms(({ imported, loaded }) => loaded - imported)}), ` +
    `loaded to first token ${ms(({ loaded, firstToken }) => firstToken - loaded)}`
  );
}

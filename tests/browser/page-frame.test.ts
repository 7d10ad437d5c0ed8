// What stays in reach around the text: keys and buttons that decide on it, the line that tells, labels that are cut.
import { expect, test } from 'vitest';
import {
  button,
  complaints,
  finished,
  ghost,
  goOn,
  openTab,
  page,
  setLength,
  text,
  value,
} from './opened-page.js';

const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id);
const writes = () =>
  page.waitForFunction(() => (document.querySelector('.ghost')?.textContent?.length ?? 0) > 20);
/** A text that is longer than any window. */
const long = Array.from({ length: 120 }, (_, i) => `Line ${i} of a long tale.`).join('\n');

test.each(['Continue', 'Undo', 'nothing'])(
  'with the focus on %s, Tab keeps what was written and then moves on, and Escape discards',
  async (place) => {
    const focus = () =>
      place === 'nothing'
        ? page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur())
        : button(place).focus();
    const before = await value();
    await goOn(16);
    await focus();
    await page.keyboard.press('Escape');
    expect(await value()).toBe(before);
    const kept = await goOn(16);
    await focus();
    await page.keyboard.press('Tab');
    expect([await ghost(), await value()]).toEqual(['', kept]);
    await focus();
    const at = await focused();
    await page.keyboard.press('Tab');
    expect(await focused()).not.toBe(at);
    await page.keyboard.press('Escape');
    expect(await value()).toBe(kept);
  },
);

test('Tab keeps while text is coming, what comes after can be discarded, and Shift+Tab leaves', async () => {
  await setLength(1024);
  await button('Continue').click();
  await writes();
  await page.keyboard.press('Tab');
  const kept = (await value()).slice(0, 30);
  await writes();
  await button('Stop').focus();
  await page.keyboard.press('Shift+Tab');
  expect(await focused()).not.toBe('Stop');
  await page.keyboard.press('Escape');
  await finished();
  expect(await ghost()).toBe('');
  expect((await value()).startsWith(kept)).toBe(true);
  expect((await value()).length).toBeLessThan(3500); // 1024 tokens have about 4000 characters
});

test('Keep and Discard are buttons while there is something to decide, and give the focus on', async () => {
  expect(await button('Keep').count()).toBe(0);
  const before = await value();
  await goOn(16);
  await button('Discard').focus();
  await page.keyboard.press('Enter');
  await expect.poll(focused).toBe('Continue');
  expect(await value()).toBe(before);
  const written = await goOn(16);
  await button('Keep').click();
  await expect.poll(focused).toBe('Continue');
  expect([await ghost(), await value(), await button('Keep').count()]).toEqual(['', written, 0]);
});

test('keys of another tab and of its fields are their own', async () => {
  await goOn(16);
  await openTab('Chat');
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.focus();
  await page.keyboard.press('Tab');
  expect(await field.evaluate((element) => element === document.activeElement)).toBe(false);
  await page.keyboard.press('Escape');
  expect(await ghost()).not.toBe('');
});

/** Where an element is, from the top of the window, and whether it can be seen there. */
const sight = (selector: string) =>
  page.evaluate((selector) => {
    const element = document.querySelector(selector);
    const { top = 0, bottom = 0, left = 0, right = 0 } = element?.getBoundingClientRect() ?? {};
    const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return { top, bottom, isSeen: element?.contains(seen) ?? false };
  }, selector);

test.each([
  [1280, 860],
  [390, 844],
])(
  'of a long text at %d x %d the state, the speed and the tools are in sight at either end',
  async (width, height) => {
    await page.setViewportSize({ width, height });
    await text().fill(long);
    await goOn(16);
    await button('Keep').click();
    for (const top of [0, 300, 100_000]) {
      await page.evaluate((top) => scrollTo(0, top), top);
      for (const selector of ['footer', '#speed', '#continue', '.standing']) {
        const { bottom, isSeen } = await sight(selector);
        expect([selector, bottom <= height, isSeen]).toEqual([selector, true, true]);
      }
    }
    // What is written last is above them, and so is the line that one types in.
    expect((await sight('.sheet')).bottom).toBeLessThanOrEqual((await sight('.dock')).top + 12);
    await openTab('Chat');
    expect((await sight('.say')).bottom).toBeLessThanOrEqual((await sight('footer')).top + 1);
    expect(complaints).toEqual([]);
  },
);

test('a keyboard on the screen covers neither the tools nor the line that tells', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await text().fill(long);
  const show = (height: number, scale = 1) =>
    page.evaluate(
      ([height, scale]) => {
        for (const [name, value] of Object.entries({ height, scale }))
          Object.defineProperty(visualViewport, name, { value, configurable: true });
        visualViewport?.dispatchEvent(new Event('resize'));
      },
      [height, scale],
    );
  const bottoms = async () => [
    Math.round((await sight('footer')).bottom),
    (await sight('.dock')).bottom < 844,
  ];
  await show(480);
  expect(await bottoms()).toEqual([480, true]);
  expect((await sight('.dock')).top).toBeGreaterThan(240); // half of what is left is text
  await page.evaluate(() => scrollTo(0, 100_000));
  expect((await sight('.sheet')).bottom).toBeLessThanOrEqual((await sight('.dock')).top + 12);
  await show(422, 2); // pinched: nothing is covered
  expect((await bottoms())[0]).toBe(844);
  await show(844);
  expect((await bottoms())[0]).toBe(844);
});

test('the line that one types in is not behind the tools', async () => {
  await text().fill(long);
  await text().press('Control+Home');
  for (let i = 0; i < 60; i++) await text().press('ArrowDown');
  // The mirror has the same lines in the same places.
  const caret = await page.evaluate(() => {
    const field = document.querySelector('textarea');
    const mirror = document.querySelector('.mirror span')?.firstChild;
    if (!field || !mirror) return Number.NaN;
    const range = document.createRange();
    range.setStart(mirror, field.selectionEnd);
    range.setEnd(mirror, field.selectionEnd + 1);
    return range.getBoundingClientRect().bottom;
  });
  expect(caret).toBeLessThanOrEqual((await sight('.dock')).top + 12);
});

test('labels that are cut say so where they are cut, and have the whole as their title', async () => {
  const opening = `${'There was a miller who had three sons and nothing else. '.repeat(6)}The 🦊`;
  await text().fill(opening);
  await goOn(64);
  await button('Keep').click();
  await openTab('Look');
  const [root, branch] = await page
    .locator('.branch [class], .branch > span')
    .evaluateAll((found) =>
      found.map((label) => ({ text: label.textContent ?? '', title: label.getAttribute('title') ?? '' })),
    );
  expect(root?.text).toMatch(/^….*The 🦊$/u);
  expect(root?.title).toBe(opening);
  expect(branch?.text).toMatch(/^\S.*…$/s);
  expect(branch?.title.startsWith(branch.text.slice(0, -1))).toBe(true);
  expect(await page.locator('.passage .opening').textContent()).toMatch(/^….*The 🦊$/u);
});

import { expect, test } from 'vitest';
import { surveyOf } from './house.js';
import { sources } from './sources.js';

const inside = (top: string) =>
  new Map([...sources()].filter(([path]) => path.startsWith(`${top}/`) && !path.startsWith('web/demo/')));

test.each(['src', 'web'])('%s: no file knows one that knows it, no arrow runs back up', (top) => {
  const { floors, arrows, upwards, circles } = surveyOf(inside(top), top);
  console.log(
    `${top}: ${floors} floors, ${arrows} arrows, ${upwards.length} upwards, ${circles.length} circles`,
  );
  expect(circles).toEqual([]);
  expect(upwards).toEqual([]);
});

test('circles and arrows upwards are found where there are some', () => {
  const files = new Map([
    ['web/a/one.ts', "import { two } from '../b/two.js';\nimport { three } from '../b/three.js';"],
    ['web/b/two.ts', "import { one } from '../a/one.js';"],
    ['web/b/three.ts', "import { four } from '../four.js';"],
    ['web/four.ts', ''],
  ]);
  expect(surveyOf(files, 'web')).toEqual({
    floors: 3,
    arrows: 3,
    upwards: ['b -> a'],
    circles: [['web/a/one.ts', 'web/b/two.ts']],
  });
});

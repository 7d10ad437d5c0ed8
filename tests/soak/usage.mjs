// What a process uses: this one, or a child that was started with this file as its `--import` and tells when asked.
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';

const megabyte = 2 ** 20;

/** REQUIRES: `--expose-gc`. */
async function own() {
  for (let times = 0; times < 3; times++) {
    global.gc();
    await nextTurn(); // finalizers free what they know of
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    heap: (heapUsed + external) / megabyte,
    resident: rss / megabyte,
    cpu: (user + system) / 1000, // ms since the start
  };
}

async function ofChild(child) {
  const told = once(child, 'message');
  child.send('usage');
  return (await told)[0];
}

export const Usage = { own, ofChild };

if (process.env.RWKV_SOAK_TELLS === '1' && process.channel) {
  process.on('message', async () => process.send(await own()));
  process.channel.unref(); // asked or not, the process ends when its work does
}

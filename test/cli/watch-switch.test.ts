import { expect, test } from 'vitest';
import { WatchSwitch, type Watching } from '../../src/cli/watch-switch.ts';
import { desired } from '../plan/states.ts';

interface Told { readonly lines: string[]; readonly turns: boolean[]; locks: number; runs: number }

function switched(begin: () => Promise<void>): { readonly watch: WatchSwitch; readonly told: Told } {
  const told: Told = { lines: [], turns: [], locks: 0, runs: 0 };
  const watching: Watching = {
    desired: desired({}),
    run: async (signal) => {
      told.runs++;
      if (!signal.aborted) await new Promise((resolve) => { signal.addEventListener('abort', resolve, { once: true }); });
    },
  };
  const watch = new WatchSwitch({
    lock: () => {
      if (told.locks > 0) return Promise.reject(new Error('another watch runs'));
      told.locks++;
      return Promise.resolve(() => { told.locks--; });
    },
    begin: async () => {
      await begin();
      return watching;
    },
    complain: (line) => told.lines.push(line), turned: (on) => told.turns.push(on),
  });
  return { watch, told };
}

test('turns on and off', async () => {
  const { watch, told } = switched(() => Promise.resolve());
  expect([watch.on, watch.desired]).toEqual([false, null]);
  watch.turn();
  await expect.poll(() => told.runs).toBe(1);
  expect([watch.on, watch.desired?.stack, told.locks]).toEqual([true, 'shop', 1]);
  watch.turn();
  await watch.off();
  expect([watch.on, told.locks, told.turns, told.lines]).toEqual([false, 0, [true, false], []]);
});

test('files that cannot be used are told, and it can be turned on once they can', async () => {
  let broken = true;
  const { watch, told } = switched(() => (broken ? Promise.reject(new Error('compose.yaml:3: a mistake')) : Promise.resolve()));
  watch.turn();
  await expect.poll(() => told.turns).toEqual([true, false]);
  expect([told.lines, told.locks, told.runs]).toEqual([['compose.yaml:3: a mistake'], 0, 0]);
  broken = false;
  watch.turn();
  await expect.poll(() => told.runs).toBe(1);
  await watch.off();
  expect([told.lines.length, told.locks]).toEqual([1, 0]);
});

test('one that is turned off while it begins ends at once, and complains of nothing', async () => {
  const { watch, told } = switched(() => Promise.reject(new Error('cut off')));
  watch.turn();
  await watch.off();
  await watch.off();
  expect([watch.on, told.locks, told.turns, told.lines]).toEqual([false, 0, [true, false], []]);
});

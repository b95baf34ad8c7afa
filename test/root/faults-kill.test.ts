import { describe, expect, it } from 'vitest';
import { Machine } from './harness.ts';
import { answers, COUNTING, ENDS, goesOn, stackToInterrupt } from './interrupted-stack.ts';
import { adopts, goesAltogether, interrupted, runningContainers } from './interrupted.ts';

const shop = stackToInterrupt(5000);
/** About forty kills each, on a machine that may be doing other things. */
const AT_MOST_MS = 240_000;

async function works(machine: Machine): Promise<void> {
  expect((await machine.up(shop)).done).toEqual([]);
  await answers(machine, ['db']);
  for (const name of COUNTING) await goesOn(machine, name);
}

describe.concurrent('an engine killed at each step boundary', () => {
  it('of `up` is followed by one that adopts and finishes', async () => {
    const machine = new Machine();
    try {
      await machine.open();
      await machine.loadHello();
      const request = machine.request(shop);
      for (let atEvent = 1, killed = true; killed; atEvent++) {
        await machine.close();
        const cut = await interrupted(machine, request, { atEvent });
        killed = cut.killed;
        await adopts(machine, cut, [], ENDS);
        expect(await machine.up(shop)).toMatchObject({ ok: true });
        for (const [name, { pid }] of cut.running) if (!ENDS.includes(name)) expect(machine.engine.container(name).status?.pid).toBe(pid);
        await works(machine);
        await goesAltogether(machine, ['demo_data']);
      }
    } finally {
      await machine.dispose();
    }
  }, AT_MOST_MS);

  it('of `down` is followed by one that adopts and finishes', async () => {
    const machine = new Machine();
    try {
      await machine.open();
      await machine.loadHello();
      for (let atEvent = 1, killed = true; killed; atEvent++) {
        expect(await machine.up(shop)).toMatchObject({ ok: true });
        await machine.close();
        const before = runningContainers(machine.paths);
        const cut = await interrupted(machine, null, { atEvent });
        killed = cut.killed;
        await adopts(machine, cut, before.keys(), ENDS);
        for (const [name, process] of cut.running) expect(before.get(name)).toEqual(process);
        await goesAltogether(machine, ['demo_data']);
      }
    } finally {
      await machine.dispose();
    }
  }, AT_MOST_MS);
});

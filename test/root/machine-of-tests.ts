import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { Machine } from './harness.ts';

/** One machine for all tests of a file, with busybox's image. `downAfterEach`: each of them leaves no stack behind, and no report. */
export function machineForAll({ downAfterEach = false }: { readonly downAfterEach?: boolean } = {}): Machine {
  const machine = new Machine();
  beforeAll(() => prepare(machine));
  if (downAfterEach) {
    afterEach(async () => {
      expect(await machine.down({ volumes: true, stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
      machine.reports.length = 0;
    });
  }
  afterAll(() => machine.dispose());
  return machine;
}

/** The same for each test, which `take` is given before it. */
export function machineForEach(take: (machine: Machine) => void): void {
  let machine: Machine;
  beforeEach(async () => {
    machine = new Machine();
    take(machine);
    await prepare(machine);
  });
  afterEach(() => machine.dispose());
}

async function prepare(machine: Machine): Promise<void> {
  await machine.open();
  await machine.loadHello();
}

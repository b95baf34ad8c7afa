import { expect, test } from 'vitest';
import { SettledEnds } from '../../src/engine/settled-ends.ts';
import type { Plan, Step } from '../../src/state/plan.ts';

const plan = (...steps: Step[]): Plan => ({ steps, notes: [], wakeAt: null });
const start = plan({ id: 'start-container s-web-1', action: 'start-container', args: { name: 's-web-1' }, needs: [], why: '' });
const remove = plan({ id: 'remove-container s-web-1', action: 'remove-container', args: { name: 's-web-1' }, needs: [], why: '' });

test('nothing is started while the ends before it cannot be written down; what starts nothing is done all the same', async () => {
  let full = true;
  const ends = new SettledEnds({ flush: () => (full ? Promise.reject(new Error('ENOSPC: no space left on device, fsync')) : Promise.resolve()) });
  await ends.settle();
  expect(() => ends.checked(start)).toThrow('start-container s-web-1: how containers have ended could not be written down, so nothing is started that may depend on it: ENOSPC: no space left on device, fsync');
  expect(ends.checked(remove)).toBe(remove);
  full = false;
  await ends.settle();
  expect(ends.checked(start)).toBe(start);
});

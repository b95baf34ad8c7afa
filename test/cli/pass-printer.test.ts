import { expect, test } from 'vitest';
import { PassPrinter } from '../../src/cli/pass-printer.ts';
import type { PassEvent, StepState } from '../../src/state/messages.ts';
import type { Step } from '../../src/state/plan.ts';

const pull = (image: string): Step => ({ id: `pull-image ${image}`, action: 'pull-image', args: { image, pullPolicy: 'missing' }, needs: [], why: 'it is not in the store' });
const start: Step = { id: 'start-container s-web-1', action: 'start-container', args: { name: 's-web-1' }, needs: [], why: 'service web has no container 1' };
const plan = (...steps: Step[]): PassEvent => ({ version: 1, type: 'plan', plan: { steps, notes: [], wakeAt: null } });
const step = (id: string, state: StepState, message = ''): PassEvent => ({ version: 1, type: 'step', id, state, ms: 0, message });
const failed = (message: string): PassEvent => ({ version: 1, type: 'end', ok: false, revision: 0, message });
const printed = (...events: PassEvent[]): { code: number; text: string } => {
  let text = '';
  const printer = new PassPrinter((more) => { text += String(more); });
  for (const event of events) printer.event(event);
  return { code: printer.finish(), text };
};

test('of a pass that fails before it has changed anything, a line for each thing that failed is all', () => {
  const [a, b] = [pull('a:1'), pull('b:1')];
  expect(printed(plan(a, start), step(a.id, 'failed', 'not there'), step(start.id, 'skipped', `"${a.id}" failed`), failed(`${a.id}: not there`))).toEqual({ code: 1, text: 'failed: pull-image a:1: not there\n' });
  expect(printed(plan(a, b, start), step(a.id, 'failed', 'not there'), step(start.id, 'skipped', `"${a.id}" failed`), step(b.id, 'done'), failed(`${a.id}: not there`)))
    .toEqual({ code: 1, text: 'failed: pull-image a:1: not there\npull-image b:1  (it is not in the store)\n' });
});

test('where something was changed, what was left out is told, and how many steps failed', () => {
  const other: Step = { ...start, id: 'start-container s-db-1', args: { name: 's-db-1' } };
  const lines = ['failed: start-container s-web-1: no', 'skipped: publish-ports s-web-1: "start-container s-web-1" failed', 'start-container s-db-1  (service web has no container 1)', 'bayplan: 1 step failed', ''];
  const skipped = step('publish-ports s-web-1', 'skipped', `"${start.id}" failed`);
  expect(printed(plan(start, other), step(start.id, 'failed', 'no'), skipped, step(other.id, 'done'), failed(`${start.id}: no`))).toEqual({ code: 1, text: lines.join('\n') });
  expect(printed(plan(start, other), step(other.id, 'done'), step(start.id, 'failed', 'no'), skipped, failed(`${start.id}: no`)).text.split('\n').sort()).toEqual([...lines].sort());
});

test('what is said beside what the steps say is said', () => {
  const a = pull('a:1');
  expect(printed(plan(a, start), step(a.id, 'failed', 'not there'), step(start.id, 'skipped', 'x'), failed('the stack stays')).text).toBe('failed: pull-image a:1: not there\nskipped: start-container s-web-1: x\nbayplan: the stack stays\n');
});

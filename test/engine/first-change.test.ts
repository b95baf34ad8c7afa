import { expect, test } from 'vitest';
import { atFirstChange } from '../../src/engine/first-change.ts';
import type { StepState } from '../../src/state/messages.ts';
import type { Step } from '../../src/state/plan.ts';

const STEPS: readonly Step[] = [
  { id: 'pull-image a', action: 'pull-image', args: { image: 'a', pullPolicy: 'missing' }, needs: [], why: '' },
  { id: 'wait-container s-db-1 healthy', action: 'wait-container', args: { name: 's-db-1', until: 'healthy' }, needs: [], why: '' },
  { id: 'create-volume v', action: 'create-volume', args: { name: 'v', stack: 's', volume: { driver: 'local', external: false, driverOpts: {}, labels: {} } }, needs: [], why: '' },
  { id: 'stop-container s-web-1', action: 'stop-container', args: { name: 's-web-1', signal: null, graceMs: 0 }, needs: [], why: '' },
];

/** At which of the steps told of, if at any, the first change was noticed. */
function noticedAt(...told: readonly [string, StepState][]): string | null {
  let at: string | null = null;
  let now = '';
  const onEvent = atFirstChange(() => undefined, () => { at = now; });
  onEvent({ version: 1, type: 'plan', plan: { steps: STEPS, notes: [], wakeAt: null } });
  for (const [id, state] of told) {
    now = `${id} ${state}`;
    onEvent({ version: 1, type: 'step', id, state, ms: 0, message: '' });
  }
  return at;
}

test.each<[string, readonly [string, StepState][], string | null]>([
  ['an image that comes, or does not', [['pull-image a', 'started'], ['pull-image a', 'done'], ['pull-image a', 'failed']], null],
  ['a wait', [['wait-container s-db-1 healthy', 'started'], ['wait-container s-db-1 healthy', 'failed']], null],
  ['what was left out', [['stop-container s-web-1', 'skipped'], ['stop-container s-web-1', 'cancelled']], null],
  ['a volume that cannot be made', [['create-volume v', 'started'], ['create-volume v', 'failed']], null],
  ['a volume that is made', [['create-volume v', 'started'], ['create-volume v', 'done']], 'create-volume v done'],
  ['what may have been half done', [['stop-container s-web-1', 'started'], ['stop-container s-web-1', 'failed']], 'stop-container s-web-1 started'],
  ['what no plan has told of', [['something', 'started']], 'something started'],
])('%s', (_title, told, at) => {
  expect(noticedAt(...told)).toBe(at);
});

import type { PassEvent } from '../state/messages.ts';
import type { Action } from '../state/plan.ts';

/** Nothing of the stack is another for these: an image is in the store, and somebody was waited for. */
const HARMLESS: ReadonlySet<Action> = new Set<Action>(['pull-image', 'wait-container', 'wait-time']);
/** What fails of these leaves nothing behind. */
const WHOLE: ReadonlySet<Action> = new Set<Action>(['create-network', 'create-volume', 'create-container']);

/** Calls `changed` before the first thing that a pass changes of its stack is told of, or may have changed. */
export function atFirstChange(onEvent: (event: PassEvent) => void, changed: () => void): (event: PassEvent) => void {
  const actions = new Map<string, Action>();
  let told = false;
  return (event) => {
    if (event.type === 'plan') for (const { id, action } of event.plan.steps) actions.set(id, action);
    if (!told && event.type === 'step' && changes(actions.get(event.id), event.state)) {
      told = true;
      changed();
    }
    onEvent(event);
  };
}

function changes(action: Action | undefined, state: string): boolean {
  if (state === 'skipped' || state === 'cancelled' || (action !== undefined && HARMLESS.has(action))) return false;
  return state === 'done' || action === undefined || !WHOLE.has(action);
}

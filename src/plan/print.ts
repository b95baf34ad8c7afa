import type { Plan, Step } from '../state/plan.ts';

/** A step in one stable line: `create-container shop-web-1  (service web has no container 1)`. */
export function stepLine(step: Pick<Step, 'id' | 'why'>): string {
  return `${step.id}  (${step.why})`;
}

/** A plan in plain words, a line a step and then a line a note; each line ends with a newline. */
export function printPlan(plan: Plan): string {
  return [...plan.steps.map(stepLine), ...plan.notes.map((note) => `note: ${note}`)].map((line) => `${line}\n`).join('');
}

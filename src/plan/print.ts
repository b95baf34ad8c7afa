import type { Plan, Step } from '../state/plan.ts';

/** One stable line for a step: what, to whom, and why. */
export function stepLine(step: Pick<Step, 'id' | 'why'>): string {
  return `${step.id}  (${step.why})`;
}

/** The whole plan as text, a line a step in the plan's order, then its notes. */
export function printPlan(plan: Plan): string {
  return [...plan.steps.map(stepLine), ...plan.notes.map((note) => `note: ${note}`)].map((line) => `${line}\n`).join('');
}

import type { PlanAnswer, PassEvent, StackAnswer } from '../state/messages.ts';
import type { Plan } from '../state/plan.ts';
import type { Volume } from '../state/volume.ts';
import { shownDriverOpts } from '../state/volume-options.ts';

// What the API tells of stacks, without the secrets that the options of a volume's mount may hold. Configs and secrets are named by digest in the state itself.

export function shownStack(stack: StackAnswer): StackAnswer {
  const { desired, actual } = stack;
  return { ...stack, desired: desired === null ? null : { ...desired, volumes: shownVolumes(desired.volumes) }, actual: { ...actual, volumes: shownVolumes(actual.volumes) } };
}

export function shownPlan(answer: PlanAnswer): PlanAnswer {
  return { ...answer, plan: withoutSecrets(answer.plan) };
}

export function shownEvent(event: PassEvent): PassEvent {
  return event.type === 'plan' ? { ...event, plan: withoutSecrets(event.plan) } : event;
}

function withoutSecrets(plan: Plan): Plan {
  return {
    ...plan, steps: plan.steps.map((step) => (step.action !== 'create-volume' ? step
      : { ...step, args: { ...step.args, volume: { ...step.args.volume, driverOpts: shownDriverOpts(step.args.volume.driverOpts) } } })),
  };
}

function shownVolumes(volumes: Readonly<Record<string, Volume>>): Record<string, Volume> {
  return Object.fromEntries(Object.entries(volumes).map(([name, volume]) => [name, { ...volume, spec: { ...volume.spec, driverOpts: shownDriverOpts(volume.spec.driverOpts) } }]));
}

import type { Container } from '../state/container.ts';
import type { Step } from '../state/plan.ts';
import { groupBy } from './group-by.ts';
import { stopOrder } from './leaving-steps.ts';
import { stepId } from './step-id.ts';

/**
 * Stops all that runs, as the machine goes down: one-offs first, then who depends on others before them, each with its own signal and grace period. None of it is held:
 * a boot brings a stack back whole, and the API's containers by their restart policies. One that cannot be stopped is no reason to leave those after it to the kernel. Pure.
 */
export function planShutdown(containers: ReadonlyMap<string, Container>): readonly Step[] {
  const all = [...containers].map(([name, container]) => ({ name, container }));
  const running = all.filter(({ container: { status } }) => status?.phase === 'running');
  const single = running.filter(({ container }) => container.identity.owner === 'api');
  const stacks = groupBy(all.filter(({ container }) => container.identity.owner !== 'api'), ({ container }) => container.identity.stack);
  return [...single.map((one) => stopOf(one, [])), ...[...stacks.values()].flatMap((members) => {
    const ofServices = members.filter(({ container }) => container.identity.owner === 'stack');
    const oneOffs = members.filter((one) => running.includes(one) && !ofServices.includes(one));
    const before = stopOrder(ofServices);
    const first = oneOffs.map(({ name }) => stepId('stop-container', name));
    return [...oneOffs.map((one) => stopOf(one, [])), ...ofServices.filter((one) => running.includes(one)).map((one) => stopOf(one, [...first, ...before(one.container.identity.service)]))];
  })];
}

function stopOf({ name, container: { spec } }: { readonly name: string; readonly container: Container }, needs: readonly string[]): Step {
  return { id: stepId('stop-container', name), action: 'stop-container', args: { name, signal: spec.stopSignal, graceMs: spec.stopGracePeriodMs, again: true, optional: true }, needs, why: 'the machine goes down' };
}

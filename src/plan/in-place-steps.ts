import type { Container, ContainerChanges } from '../state/container.ts';
import type { Step } from '../state/plan.ts';
import type { Difference } from './diff.ts';
import type { Wanted } from './expand.ts';
import { stepId } from './step-id.ts';

/** Gives a container that stays what differs: what is recorded of it and its limits at once, then its networks one by one. */
export function inPlaceSteps({ name, spec }: Wanted, container: Container, differences: readonly Difference[]): readonly Step[] {
  const why = (some: readonly Difference[]): string => `in place: ${some.map(({ text }) => text).join('; ')}`;
  const of = (field: string): readonly Difference[] => differences.filter((each) => each.field === field || each.field.startsWith(`${field}.`) || each.field.startsWith(`${field}[`));
  const steps: Step[] = [];
  const { labels, stopSignal, stopGracePeriodMs, restart, healthcheck, resources, ports, contents, exposed } = spec;
  const changes: ContainerChanges = {
    ...(of('labels').length > 0 ? { labels } : {}), ...(of('stopSignal').length > 0 ? { stopSignal } : {}), ...(of('stopGracePeriodMs').length > 0 ? { stopGracePeriodMs } : {}),
    ...(of('restart').length > 0 ? { restart } : {}), ...(of('healthcheck').length > 0 ? { healthcheck } : {}), ...(of('resources').length > 0 ? { resources } : {}), ...(of('ports').length > 0 ? { ports } : {}), ...(of('contents').length > 0 ? { contents } : {}),
    ...(of('exposed').length > 0 ? { exposed } : {}),
  };
  const recorded = differences.filter(({ field }) => !field.startsWith('networks['));
  const update = stepId('update-container', name);
  if (recorded.length > 0) steps.push({ id: update, action: 'update-container', args: { name, changes }, needs: [], why: why(recorded) });
  let before: readonly string[] = recorded.length > 0 ? [update] : [];
  for (const network of [...new Set([...Object.keys(spec.networks), ...Object.keys(container.spec.networks)])].sort()) {
    const found = of(`networks[${network}]`);
    const attachment = spec.networks[network];
    if (found.length === 0) continue;
    const id = stepId(attachment === undefined ? 'disconnect-network' : 'connect-network', `${name} ${network}`);
    steps.push(attachment === undefined
      ? { id, action: 'disconnect-network', args: { name, network }, needs: before, why: why(found) }
      : { id, action: 'connect-network', args: { name, network, attachment, made: true }, needs: [...before, stepId('create-network', network)], why: why(found) });
    before = [id];
  }
  return steps;
}

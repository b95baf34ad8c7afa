import type { ContainerInputs } from './containers.ts';
import type { Wanted } from './expand.ts';
import type { StepList } from './step-list.ts';

/** Starts a container once what it depends on is so, and publishes its ports. Its creation, if any, is in the list already. */
export function planStart(list: StepList, inputs: ContainerInputs, one: Wanted, why: string): void {
  const needs = [`create-container ${one.name}`, `stop-container ${one.name}`];
  if (list.has(needs[0] ?? '')) needs.pop(); // the stop is then that of the container before, which creation has waited for
  for (const network of Object.keys(one.spec.networks)) needs.push(`create-network ${network}`);
  for (const [service, { condition }] of Object.entries(one.dependsOn).sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const dependency of inputs.wanted.filter((other) => other.service === service)) needs.push(...met(list, inputs, dependency, condition, one.service));
  }
  const start = list.add('start-container', one.name, { name: one.name }, needs, why);
  if (one.spec.ports.length > 0) list.add('publish-ports', one.name, { name: one.name }, [start], why);
}

/** Ids of the steps after which a dependency's condition is met; none where it is met already. */
function met(list: StepList, { actual }: ContainerInputs, dependency: Wanted, condition: string, dependent: string): readonly string[] {
  const { name } = dependency;
  const start = `start-container ${name}`;
  const status = actual.containers[name]?.status;
  const starting = list.has(start);
  const wait = (until: 'started' | 'healthy' | 'completed'): readonly string[] =>
    [list.add('wait-container', `${name} ${until}`, { name, until }, [start], `service ${dependent} depends on it`)];
  if (condition === 'service_healthy') return !starting && status?.phase === 'running' && status.health === 'healthy' ? [] : wait('healthy');
  if (condition === 'service_completed_successfully') return !starting && status?.phase === 'exited' && status.exitCode === 0 && status.restartAt === 0 ? [] : wait('completed');
  if (starting) return [start];
  return status?.phase === 'running' || (status?.phase === 'exited' && status.exitCode === 0) ? [] : wait('started');
}

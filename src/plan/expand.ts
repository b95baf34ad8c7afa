import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerSpec } from '../state/container.ts';
import type { Dependency } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';

/** A container that there shall be. */
export interface Wanted {
  readonly name: string;
  readonly service: string;
  readonly slot: number;
  readonly spec: ContainerSpec;
  readonly dependsOn: Readonly<Record<string, Dependency>>;
}

/** The containers of all services, services in the order of their dependencies, with the images that the references stand for now. */
export function expand(desired: Desired, actual: State): readonly Wanted[] {
  return inOrder(desired).flatMap((name) => {
    const service = desired.services[name];
    if (service === undefined) return [];
    return Array.from({ length: service.replicas }, (_, at) => {
      const slot = at + 1;
      return {
        name: service.containerName === '' ? `${desired.stack}-${name}-${slot}` : service.containerName,
        service: name, slot, dependsOn: service.dependsOn,
        spec: {
          ...service.template,
          imageId: actual.images[service.template.image]?.status?.id ?? '',
          labels: { ...service.template.labels, 'com.docker.compose.container-number': String(slot) },
        },
      };
    });
  });
}

/** Services so that each comes after those it depends on; by name where the dependencies leave it open. Throws on a cycle. */
export function inOrder(desired: Desired): readonly string[] {
  const order: string[] = [];
  const path: string[] = [];
  const visit = (name: string): void => {
    if (order.includes(name)) return;
    if (path.includes(name)) throw new BayplanError('bad-request', `depends_on goes in a circle: ${[...path.slice(path.indexOf(name)), name].join(' → ')}`);
    path.push(name);
    for (const dependency of Object.keys(desired.services[name]?.dependsOn ?? {}).sort()) if (desired.services[dependency] !== undefined) visit(dependency);
    path.pop();
    order.push(name);
  };
  for (const name of Object.keys(desired.services).sort()) visit(name);
  return order;
}

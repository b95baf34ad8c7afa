import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerSpec, Owner } from '../state/container.ts';
import { replicaName } from '../state/replica-name.ts';
import type { Dependency } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';
import { inOrder } from './in-order.ts';

/** A container that shall be. Its generation depends on what was there before it. */
export interface Wanted {
  readonly name: string;
  readonly owner: Owner;
  /** '' for one that belongs to no service. */
  readonly service: string;
  readonly slot: number;
  /** With the image's id, as the store knows it at the moment ('' where it does not), and the digests of its configs and secrets. */
  readonly spec: ContainerSpec;
  readonly dependsOn: Readonly<Record<string, Dependency>>;
}

/**
 * Services times replicas, but for those that a person has removed, dependencies first and otherwise by name, then the containers that belong to no service. Labelled as docker compose
 * numbers them (`com.docker.compose.container-number`). Throws BayplanError `bad-request` where services depend on each other in a circle.
 */
export function expand(desired: Desired, images: State['images']): readonly Wanted[] {
  const resolved = (spec: ContainerSpec): ContainerSpec => ({
    ...spec, imageId: spec.imageId !== '' ? spec.imageId : images[spec.image]?.status?.id ?? '', contents: spec.contents.map((grant) => ({ ...grant, digest: desired.contents[grant.name]?.digest ?? '' })),
  });
  const services = Object.entries(desired.services).sort(byKey);
  refuseCircle(desired);
  const replicas = inOrder(services, ([name]) => name, ([, service]) => Object.keys(service.dependsOn).sort()).flatMap(([name, service]) =>
    Array.from({ length: service.replicas }, (_, index) => index + 1).filter((slot) => service.vacant?.includes(slot) !== true).map((slot): Wanted => {
      const template = resolved(service.template);
      return {
        name: replicaName(desired.stack, name, service.containerName, slot), owner: 'stack', service: name, slot, dependsOn: service.dependsOn,
        spec: { ...template, labels: { ...template.labels, 'com.docker.compose.container-number': String(slot) } },
      };
    }));
  const single = Object.entries(desired.containers).sort(byKey).map(([name, { identity, spec }]): Wanted =>
    ({ name, owner: identity.owner, service: identity.service, slot: identity.slot, dependsOn: {}, spec: resolved(spec) }));
  return [...replicas, ...single];
}

function refuseCircle({ services }: Desired): void {
  const safe = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    if (safe.has(name)) return;
    if (path.includes(name)) throw new BayplanError('bad-request', `depends_on goes in a circle: ${[...path.slice(path.indexOf(name)), name].join(' → ')}`);
    path.push(name);
    Object.keys(services[name]?.dependsOn ?? {}).sort().forEach(visit);
    path.pop();
    safe.add(name);
  };
  Object.keys(services).sort().forEach(visit);
}

export function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

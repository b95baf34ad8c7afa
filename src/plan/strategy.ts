import type { Container, ContainerSpec } from '../state/container.ts';
import type { Service } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';
import { sharedWith } from '../state/shared-with.ts';
import type { UpdatePolicy } from '../state/update-policy.ts';
import type { Wanted } from './expand.ts';
import { homeOf } from './home-of.ts';
import { networksOf, type ResourceFates } from './resources.ts';

/** How the containers of a service are replaced, and why so. `rolling`: batch by batch, each tried out before the next; else all at once. */
export interface Strategy { readonly order: 'start-first' | 'stop-first'; readonly rolling: boolean; readonly why: string }

/**
 * The new one first where two can be there at once without harm to anything: never risk data for availability. What the file says of the order counts, but where it cannot be done.
 * `old`: a container that is replaced; `sharers`: those that live in namespaces of the service's.
 */
export function strategyOf({ replicas }: Service, policy: UpdatePolicy, one: Wanted, old: Container, sharers: readonly string[], desired: Desired, actual: State, networks: ResourceFates): Strategy {
  const checked = isChecked(one.spec, actual);
  const hindrance = hindranceOf(one);
  const said = policy.order;
  const stopFirst = (why: string): Strategy => ({ order: 'stop-first', why, rolling: isTried(replicas, policy, checked) });
  const entangled = entanglementOf(one, sharers, networks);
  if (entangled !== null) return { order: 'stop-first', rolling: false, why: said === 'start-first' ? `the file says start-first, but ${entangled}` : entangled };
  if (desired.unstarted.includes(one.name)) return { order: 'stop-first', rolling: false, why: 'it is not to be started' };
  if (hindrance !== null) return stopFirst(said === 'start-first' ? `the file says start-first, but ${hindrance}` : hindrance);
  if (said === 'start-first') return { order: 'start-first', rolling: true, why: 'the file says so' };
  if (said === 'stop-first') return stopFirst('the file says so');
  if (!checked) return stopFirst('it has no health check');
  const risk = riskOf(one.spec) ?? riskOf(old.spec) ?? anonymous(old);
  return risk === null ? { order: 'start-first', rolling: true, why: 'it has a health check, and nothing that two cannot have at once' } : stopFirst(risk);
}

/** Whether a new container is waited for before more is done: where others can serve meanwhile and a health check says whether it does, and where the file wants it watched. */
export function isTried(replicas: number, policy: UpdatePolicy, checked: boolean): boolean {
  return (replicas > 1 && checked) || policy.order !== null || policy.monitorMs > 0 || policy.failureAction !== 'pause';
}

/** Why its containers cannot even be replaced one after the other. */
function entanglementOf(one: Wanted, sharers: readonly string[], networks: ResourceFates): string | null {
  const home = homeOf(one);
  if (home !== null) return `it lives in the network of ${home}`;
  const [donor] = sharedWith(one.spec);
  if (donor !== undefined) return `it shares a namespace of ${donor}`;
  if (sharers.length > 0) return `${sharers.join(', ')} live${sharers.length === 1 ? 's' : ''} in its namespaces`;
  const renewed = networksOf(one).find((network) => networks.remove.has(network));
  return renewed === undefined ? null : `network ${renewed} is made anew`;
}

/** Why two containers of it cannot be there at the same time at all. */
function hindranceOf({ spec: { networkMode, networks, ports } }: Wanted): string | null {
  if (networkMode === 'host') return 'it has the host\'s network, where two would want the same ports';
  for (const [network, { ipv4Address, ipv6Address, macAddress }] of Object.entries(networks)) {
    const fixed = ipv4Address ?? ipv6Address ?? (macAddress === '' ? null : macAddress);
    if (fixed !== null) return `it has the fixed address ${fixed} on network ${network}`;
  }
  return ports.some(({ published, publishedLast }) => published === null || publishedLast !== null) ? 'its published port is picked for each container' : null;
}

/** What two containers at once could spoil, or could not both have. */
function riskOf({ mounts, volumesFrom, devices, deviceRequests }: ContainerSpec): string | null {
  for (const mount of mounts) {
    if ((mount.type === 'volume' || mount.type === 'bind') && !mount.readOnly) return `${mount.type} ${mount.source ?? 'of its own'} at ${mount.target} is writable`;
  }
  const lender = volumesFrom.find(({ readOnly }) => !readOnly);
  if (lender !== undefined) return `it may write to the volumes of ${lender.container}`;
  const device = devices[0]?.source ?? deviceRequests[0]?.ids[0];
  if (device === undefined && deviceRequests.length > 0) return 'it has devices of its own';
  return device === undefined ? null : `it has the device ${device}`;
}

/** Volumes of the image's. */
function anonymous({ status }: Container): string | null {
  const [target] = Object.keys(status?.anonymousVolumes ?? {});
  return target === undefined ? null : `the volume at ${target} is writable`;
}

/** Whether the container has a health check, of its own or its image's. */
export function isChecked({ healthcheck, image }: ContainerSpec, actual: State): boolean {
  const test = (healthcheck ?? actual.images[image]?.status?.config.healthcheck)?.test ?? [];
  return test.length > 0 && test[0] !== 'NONE';
}

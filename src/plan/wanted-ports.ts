import type { Container, PublishedPort } from '../state/container.ts';
import { hostIpsOverlap } from '../state/host-ip.ts';
import type { Step } from '../state/plan.ts';
import type { Desired, State } from '../state/state.ts';
import type { Wanted } from './expand.ts';
import type { Fates } from './fates.ts';
import { groupBy } from './group-by.ts';
import { portText } from './port-text.ts';
import { networksOf } from './resources.ts';
import type { Rollouts } from './rollouts.ts';
import { stepId } from './step-id.ts';

/** A wanted container that stays or starts, as its ports are looked at. `changes`: what of it changes in place. */
export interface PortHolder { readonly one: Wanted; readonly container: Container | undefined; readonly starts: boolean; readonly changes: readonly Step[]; readonly changed: readonly string[]; readonly why: string }

/** The published ports of what is wanted: who gets which, and who has to let it go before. */
export class WantedPorts {
  readonly #wanted: readonly Wanted[];
  readonly #desired: Desired;
  readonly #actual: State;
  readonly #apart: Rollouts['apart'];
  readonly #handedOver: ReadonlySet<string>;
  /** By number and protocol: containers that have a port and lose it in this plan. */
  readonly #losing: ReadonlyMap<string, readonly { readonly name: string; readonly port: PublishedPort }[]>;

  constructor(wanted: readonly Wanted[], { fates, apart }: Pick<Rollouts, 'fates' | 'apart'>, desired: Desired, actual: State) {
    this.#wanted = wanted;
    this.#desired = desired;
    this.#actual = actual;
    this.#apart = apart;
    this.#handedOver = portsHandedOver(wanted, fates, actual);
    const losing = [...fates.leaving.keys(), ...apart, ...this.#handedOver];
    this.#losing = groupBy(losing.flatMap((name) => (actual.containers[name]?.status?.ports ?? []).map((port) => ({ name, port }))), ({ port }) => numberOf(port));
  }

  /** Whether the container has an address that ports could lead to: what is on a macvlan or ipvlan network alone is reached there, and what is on internal ones alone is not from outside. */
  isPublished(one: Wanted): boolean {
    return networksOf(one).some((network) => {
      const wanted = this.#desired.networks[network];
      const spec = (wanted?.spec.external === false ? wanted : this.#actual.networks[network] ?? wanted)?.spec;
      return spec?.driver === 'bridge' && !spec.internal;
    });
  }

  /** Steps that withdraw these ports from others, where a container of the service is to have them. */
  withdrawals(ports: readonly PublishedPort[], service: string): readonly string[] {
    const isHeld = (wanted: PublishedPort, name: string, held: PublishedPort): boolean => (this.#apart.has(name) ? isInTheWay(held, this.#serviceOf(name), wanted, service) : overlaps(held, wanted));
    return ports.flatMap((wanted) => (this.#losing.get(numberOf(wanted)) ?? []).filter(({ name, port }) => isHeld(wanted, name, port)).map(({ name }) => stepId('withdraw-ports', name)));
  }

  /** Whether another service is to get a port that this container has. */
  yields(name: string): boolean {
    return (this.#actual.containers[name]?.status?.ports ?? []).some((port) => isWantedBeside(port, this.#serviceOf(name), this.#wanted));
  }

  /** Publishes what is missing, and withdraws what is to be another's or leads to one that does not run. */
  steps({ one, container, starts, changes, changed, why }: PortHolder): readonly Step[] {
    const { name } = one;
    const steps: Step[] = [];
    const withdraw = stepId('withdraw-ports', name);
    const has = (container?.status?.ports.length ?? 0) > 0;
    const runs = container?.status?.phase === 'running';
    const missing = this.isPublished(one) ? missingPorts(one, starts ? undefined : container) : [];
    const surplus = starts || missing.length > 0 ? [] : surplusPorts(one, container);
    const moved = !starts && has && changes.some(({ action }) => action === 'connect-network' || action === 'disconnect-network');
    const isHandedOver = this.#handedOver.has(name);
    if (isHandedOver) steps.push({ id: withdraw, action: 'withdraw-ports', args: { name }, needs: changed, why: 'another container gets a port of it, or it has it at other addresses' });
    if ((missing.length > 0 || surplus.length > 0 || moved) && (starts || runs)) {
      steps.push({
        id: stepId('publish-ports', name), action: 'publish-ports', args: { name },
        needs: [stepId('start-container', name), ...changed, ...(isHandedOver ? [withdraw] : []), ...this.withdrawals(missing, one.service)],
        why: starts ? why : missing.length > 0 ? `${missing.map(portText).join(', ')} is not published` : surplus.length > 0 ? `${surplus.map(portText).join(', ')} is published otherwise` : 'its networks change',
      });
    } else if (!starts && !runs && has) {
      steps.push({ id: withdraw, action: 'withdraw-ports', args: { name }, needs: [], why: `${name} does not run` });
    }
    return steps;
  }

  #serviceOf(container: string): string {
    return this.#actual.containers[container]?.identity.service ?? '';
  }
}

/** Ports that do not lead to the container yet. */
function missingPorts(one: Wanted, container: Container | undefined): readonly PublishedPort[] {
  const there = container?.status?.ports ?? [];
  return one.spec.ports.filter((port) => !there.some((found) => isSame(port, found)));
}

/** Ports that lead to the container and should not, or not for the same networks. */
function surplusPorts(one: Wanted, container: Container | undefined): readonly PublishedPort[] {
  return (container?.status?.ports ?? []).filter((found) => !one.spec.ports.some((port) => isSame(port, found) && String([...found.allow].sort()) === String([...port.allow].sort())));
}

/** Containers that stay, and lose a port that another one of the stack is to get, or they themselves at other addresses: it is free only once they have let it go. */
function portsHandedOver(wanted: readonly Wanted[], fates: Fates, actual: State): ReadonlySet<string> {
  return new Set(wanted.filter((one) => fates.wanted.get(one.name)?.kind === 'settled' && surplusPorts(one, actual.containers[one.name]).some((port) => isWantedBeside(port, one.service, wanted))).map(({ name }) => name));
}

/** Whether another service than the one that has a port is to have it, or the same one at another address. */
function isWantedBeside(port: PublishedPort, holder: string, wanted: readonly Wanted[]): boolean {
  return wanted.some((one) => one.spec.ports.some((other) => isInTheWay(port, holder, other, one.service)));
}

/** Replicas of a service have a port together, but for one at addresses that merely overlap. */
function isInTheWay(held: PublishedPort, holder: string, wanted: PublishedPort, service: string): boolean {
  return overlaps(held, wanted) && (holder !== service || held.hostIp !== wanted.hostIp);
}

/** Whether a port that leads somewhere is the one that was asked for, or of its range. */
function isSame(asked: PublishedPort, found: PublishedPort): boolean {
  if (found.hostIp !== asked.hostIp || found.target !== asked.target || found.protocol !== asked.protocol) return false;
  if (asked.published === null || found.published === null) return asked.published === null;
  return asked.published <= found.published && found.published <= (asked.publishedLast ?? asked.published);
}

function numberOf({ published, protocol }: PublishedPort): string {
  return `${published ?? ''}/${protocol}`;
}

/** Whether only one container can have both. */
function overlaps(one: PublishedPort, other: PublishedPort): boolean {
  return numberOf(one) === numberOf(other) && hostIpsOverlap(one.hostIp, other.hostIp);
}

import { BayplanError } from '../../state/bayplan-error.ts';
import type { PublishedPort } from '../../state/container.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { settled } from '../settled.ts';
import type { Addresses, Publication } from './networks.ts';
import type { PortCarrier } from './port-carrier.ts';
import type { PortCarriers } from './port-carriers.ts';
import { findPortHolder } from './port-holder.ts';
import { normalHostIp, noSuchAddress, type PickedPort, placesOf, PortInUse, portText, ReservedPort } from './reserved-port.ts';
import type { TablePort } from './table.ts';

/** Ports that are picked where the user names none: IANA's dynamic range. */
const FIRST_PICKED = 49152;
const LAST_PICKED = 65535;

/** A container that ports are given to. */
interface Claim { readonly addresses: Addresses; readonly group: string; readonly before: readonly PickedPort[]; readonly picked: readonly PickedPort[] }

/** Which host ports lead to which containers. */
export class PublishedPorts {
  readonly #kernel: Kernel;
  readonly #carriers: PortCarriers;
  readonly #nameOf: (container: string) => string;
  readonly #held = new Map<string, ReservedPort>();
  readonly #table = new Map<string, TablePort>();
  readonly #byContainer = new Map<string, readonly PickedPort[]>();
  /** Ports whose end is under way. */
  readonly #ending = new Set<Promise<void>>();
  #nextPicked: number;

  /** `offset` turns the order in which ports are picked; `nameOf` is for messages; `carriers` serve what no rule can send on. */
  constructor(kernel: Kernel, offset: number, nameOf: (container: string) => string, carriers: PortCarriers) {
    this.#kernel = kernel;
    this.#carriers = carriers;
    this.#nameOf = nameOf;
    this.#nextPicked = FIRST_PICKED + (offset % (LAST_PICKED - FIRST_PICKED + 1));
  }

  /** What leads where now. What did not change since an earlier answer is the same object. */
  get table(): ReadonlyMap<string, TablePort> {
    return new Map(this.#table);
  }

  /** The containers something is published to. */
  get containers(): readonly string[] {
    return [...this.#byContainer.keys()];
  }

  /** What leads to a container now. */
  of(container: string): readonly PublishedPort[] {
    return this.#byContainer.get(container) ?? [];
  }

  /**
   * Throws `port-taken` where one of these ports cannot be had, so that a container need not run first to find that out. Nothing is kept: `assign` decides. Ports that containers have
   * which `mayYield` names (by id) are no matter of this: they may be on their way out. `ipv6`: whether the container's ports are reached by IPv6 too.
   */
  async check({ container, ports, group = container }: Publication, ipv6: boolean, mayYield: (container: string) => boolean): Promise<void> {
    const spoken = new Set<string>();
    for (const port of ports) {
      if (port.published === null) continue;
      const last = port.publishedLast ?? port.published;
      let taken: PortTaken | null = null;
      for (let published = port.published; published <= last; published++) {
        const wanted = { ...port, published };
        if (last > port.published && spoken.has(keyOf(wanted))) continue;
        taken = this.#conflict(wanted, group, ipv6, mayYield);
        if (taken !== null) continue;
        spoken.add(keyOf(wanted));
        break;
      }
      if (taken !== null) throw last === port.published ? await this.#taken(taken) : noneLeft(port, port.published, last);
    }
  }

  #conflict(wanted: PickedPort, group: string, ipv6: boolean, mayYield: (container: string) => boolean): PortTaken | null {
    const held = this.#held.get(keyOf(wanted));
    const holders = held?.group === group ? [] : held?.containers ?? this.#overlapping(wanted, ipv6);
    if (holders.some((holder) => !mayYield(holder))) return new PortTaken(wanted, holders);
    if (held !== undefined || holders.length > 0) return null;
    const places = placesOf(wanted.hostIp, ipv6).map((hostIp) => ({ ...wanted, hostIp }));
    const busy = places.find((place) => !this.#isFree(place));
    return busy === undefined ? null : new PortTaken(busy, []);
  }

  /**
   * Makes exactly these ports lead to the container, or changes nothing and throws `port-taken`. A port picked before stays the same.
   * Answers what is left to do: serve what no rule can send on, and, once the rules are gone, free what nobody needs any more.
   */
  async assign(publication: Publication, addresses: Addresses, ready: boolean): Promise<{ ports: readonly PublishedPort[]; serve: () => Promise<void>; release: () => Promise<void> }> {
    const { container } = publication;
    if (this.#ending.size > 0) await Promise.allSettled(this.#ending); // one of them may be wanted again
    const before = this.#byContainer.get(container) ?? [];
    const picked: PickedPort[] = [];
    const held: ReservedPort[] = [];
    try {
      for (const port of publication.ports) {
        const reserved = this.#hold(port, { addresses, group: publication.group ?? container, before, picked });
        held.push(reserved);
        picked.push({ ...port, published: reserved.port, publishedLast: null });
      }
    } catch (error) {
      for (const one of held) if (one.containers.length === 0) await this.#drop(one)();
      throw error instanceof PortTaken ? await this.#taken(error) : error;
    }
    for (const port of before) this.#held.get(keyOf(port))?.leave(container);
    for (const [index, port] of picked.entries()) held[index]?.lead(container, addresses, port, ready);
    if (picked.length > 0) this.#byContainer.set(container, picked);
    else this.#byContainer.delete(container);
    const ended: (() => Promise<void>)[] = [];
    const carriers: PortCarrier[] = [];
    for (const key of new Set([...before, ...picked].map(keyOf))) {
      const one = this.#held.get(key);
      if (one === undefined) continue;
      if (one.containers.length === 0) ended.push(this.#drop(one));
      else {
        this.#tabulate(key, one);
        if (one.carrier !== null) carriers.push(one.carrier);
      }
    }
    return { ports: picked, serve: () => settled(carriers.map((carrier) => carrier.settle())), release: () => settled(ended.map((close) => close())) };
  }

  /** Says whether a container passes its health check: a port that several share leads to those that do, and where none does to all. Answers whether that changes a rule. */
  setReady(container: string, ready: boolean): boolean {
    let changed = false;
    for (const key of (this.#byContainer.get(container) ?? []).map(keyOf)) {
      const held = this.#held.get(key);
      if (held === undefined) continue;
      held.setReady(container, ready);
      if (held.containers.length < 2) continue;
      this.#tabulate(key, held);
      changed = true;
    }
    return changed;
  }

  /** Tells what serves the container's ports where they lead now. */
  settle(container: string): Promise<void> {
    const keys = (this.#byContainer.get(container) ?? []).map(keyOf);
    return settled(keys.flatMap((key) => this.#held.get(key)?.carrier?.settle() ?? []));
  }

  /** Finds what serves ports of an engine before; `resume` ends what of it was not assigned again. */
  find(): Promise<void> {
    return this.#carriers.find();
  }

  async resume(): Promise<void> {
    const carriers = [...this.#held.values()].flatMap(({ carrier }) => carrier ?? []);
    await settled([...carriers.map((carrier) => carrier.settle()), this.#carriers.endOthers()]);
  }

  /** Why what should be served is not, a line each. */
  notices(): readonly string[] {
    return [...this.#held.values()].flatMap(({ carrier }) => carrier?.complaint ?? []);
  }

  /** Lets go of all reservations at the engine's end; the rules stay, and so does what serves where there are none. */
  leaveBehind(): void {
    for (const held of this.#held.values()) held.leaveBehind();
    this.#held.clear();
    this.#table.clear();
    this.#byContainer.clear();
  }

  #tabulate(key: string, held: ReservedPort): void {
    for (const [family, port] of held.table()) this.#table.set(`${family}|${key}`, port);
  }

  #hold(port: PublishedPort, claim: Claim): ReservedPort {
    if (port.published !== null && port.publishedLast === null) return this.#reserve({ ...port, published: port.published }, claim);
    const same = claim.before.find((old) => old.hostIp === port.hostIp && old.protocol === port.protocol && old.target === port.target && isOf(port, old)
      && !claim.picked.some((other) => keyOf(other) === keyOf(old)));
    return same === undefined ? this.#pick(port, claim) : this.#reserve({ ...port, published: same.published }, claim);
  }

  /** The next free one of the range that was asked for, or of those that nobody asks for. */
  #pick(port: PublishedPort, claim: Claim): ReservedPort {
    const [first, last] = port.published === null ? [FIRST_PICKED, LAST_PICKED] : [port.published, port.publishedLast ?? port.published];
    let next = port.published === null ? this.#nextPicked : first;
    for (let tried = first; tried <= last; tried++) {
      const candidate = { ...port, published: next };
      next = next === last ? first : next + 1;
      if (port.published === null) this.#nextPicked = next;
      if (this.#held.has(keyOf(candidate))) continue;
      try {
        return this.#reserve(candidate, claim);
      } catch (error) {
        if (!(error instanceof PortTaken)) throw error;
      }
    }
    throw noneLeft(port, first, last);
  }

  #reserve(port: PickedPort, { addresses, group }: Claim): ReservedPort {
    const existing = this.#held.get(keyOf(port));
    if (existing !== undefined && existing.group !== group) throw new PortTaken(port, existing.containers);
    const held = existing ?? new ReservedPort(this.#kernel, this.#carriers, port, group);
    try {
      held.bind(addresses);
    } catch (error) {
      throw error instanceof PortInUse ? new PortTaken(port, this.#overlapping(port, addresses.ipv6 !== '')) : error;
    }
    this.#held.set(keyOf(port), held);
    return held;
  }

  #isFree({ protocol, hostIp, published }: PickedPort): boolean {
    if (this.#ending.size > 0) return true; // one of them may be this
    try {
      this.#kernel.close(this.#kernel.reservePort(protocol, normalHostIp(hostIp), published).fd);
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.code === 'EADDRINUSE') return false;
      if (error instanceof KernelError && error.code === 'EADDRNOTAVAIL' && !['', '0.0.0.0', '::'].includes(normalHostIp(hostIp))) throw noSuchAddress(portText({ hostIp, protocol, published }), hostIp);
      if (error instanceof KernelError) return true; // what else is wrong with it, `assign` says
      throw error;
    }
  }

  /** Our own containers on an address that covers, or is covered by, the wanted one. */
  #overlapping({ protocol, hostIp, published }: PickedPort, ipv6: boolean): readonly string[] {
    const places = placesOf(hostIp, ipv6);
    return [...this.#held.values()]
      .filter((held) => held.protocol === protocol && held.port === published && places.some((place) => held.covers(place)))
      .flatMap((held) => held.containers);
  }

  #drop(held: ReservedPort): () => Promise<void> {
    const key = keyOf({ protocol: held.protocol, hostIp: held.hostIp, published: held.port });
    this.#held.delete(key);
    for (const family of held.table().keys()) this.#table.delete(`${family}|${key}`);
    return async () => {
      const end = held.close();
      this.#ending.add(end);
      await end.finally(() => this.#ending.delete(end));
    };
  }

  async #taken({ port, containers }: PortTaken): Promise<BayplanError> {
    const what = `port ${portText(port)} is taken`;
    const advice = 'publish another one, or stop what has it';
    if (containers.length > 0) return new BayplanError('port-taken', `${what} by container ${containers.map(this.#nameOf).join(', ')}; ${advice}`);
    const holder = await findPortHolder(port.protocol, port.hostIp === '' ? '0.0.0.0' : normalHostIp(port.hostIp), port.published);
    return new BayplanError('port-taken', `${what}${holder === null ? '' : ` by ${holder.program} (pid ${holder.pid})`}; ${advice}`);
  }
}

/** Whether it could have been picked for this port. */
function isOf({ published, publishedLast }: PublishedPort, picked: PickedPort): boolean {
  return published === null || (published <= picked.published && picked.published <= (publishedLast ?? published));
}

function noneLeft({ protocol, published }: PublishedPort, first: number, last: number): BayplanError {
  const advice = published === null ? "name one in the service's ports" : 'give the service a longer range, or stop what has them';
  return new BayplanError('port-taken', `no free ${protocol} port is left between ${first} and ${last}; ${advice}`);
}

class PortTaken extends Error {
  readonly port: PickedPort;
  readonly containers: readonly string[];
  constructor(port: PickedPort, containers: readonly string[]) {
    super('port taken');
    this.port = port;
    this.containers = containers;
  }
}

function keyOf(port: Pick<PickedPort, 'protocol' | 'hostIp' | 'published'>): string {
  return `${port.protocol}|${normalHostIp(port.hostIp)}|${port.published}`;
}

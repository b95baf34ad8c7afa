import { BayplanError } from '../../state/bayplan-error.ts';
import type { PublishedPort } from '../../state/container.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { addressOf } from './cidr.ts';
import type { Publication } from './networks.ts';
import { findPortHolder } from './port-holder.ts';
import type { TablePort } from './table.ts';

/** Ports that are picked where the user names none: IANA's dynamic range. */
const FIRST_PICKED = 49152;
const LAST_PICKED = 65535;

interface Held {
  readonly hostIp: string;
  readonly protocol: PublishedPort['protocol'];
  readonly port: number;
  readonly group: string;
  /** The socket that keeps the port from other programs; null where the kernel has no such protocol. */
  readonly fd: number | null;
  readonly backends: Map<string, { address: string; port: number }>;
}
interface PickedPort extends PublishedPort { readonly published: number }

/**
 * Which host ports lead to which containers, and the sockets that reserve them: rewriting the destination wins over a program that listens
 * there without any error, so the port must be ours alone.
 */
export class PublishedPorts {
  readonly #kernel: Kernel;
  readonly #nameOf: (container: string) => string;
  readonly #held = new Map<string, Held>();
  readonly #table = new Map<string, TablePort>();
  readonly #byContainer = new Map<string, readonly PickedPort[]>();
  #nextPicked: number;

  /** `offset` turns the order in which ports are picked; `nameOf` is for messages. */
  constructor(kernel: Kernel, offset: number, nameOf: (container: string) => string) {
    this.#kernel = kernel;
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
   * Makes exactly these ports lead to the container, or changes nothing and throws `port-taken`. A port picked before stays the same.
   * Answers what to do with the reservations that ended: close them once the rules are gone.
   */
  async assign(publication: Publication): Promise<{ ports: readonly PublishedPort[]; release: () => void }> {
    const { container, address } = publication;
    const group = publication.group ?? container;
    const before = this.#byContainer.get(container) ?? [];
    const added: Held[] = [];
    const picked: PickedPort[] = [];
    try {
      for (const port of publication.ports) {
        const normal = { ...port, hostIp: normalHostIp(port.hostIp) };
        const held = this.#hold(normal, group, before, picked);
        if (held.backends.size === 0 && !added.includes(held)) added.push(held);
        picked.push({ ...port, published: held.port });
      }
    } catch (error) {
      for (const held of added) this.#drop(held)();
      throw error instanceof PortTaken ? await this.#taken(error) : error;
    }
    const touched = new Set([...before, ...picked].map(keyOf));
    for (const port of before) this.#held.get(keyOf(port))?.backends.delete(container);
    for (const port of picked) this.#held.get(keyOf(port))?.backends.set(container, { address, port: port.target });
    if (picked.length > 0) this.#byContainer.set(container, picked);
    else this.#byContainer.delete(container);
    const ended: (() => void)[] = [];
    for (const key of touched) {
      const held = this.#held.get(key);
      if (held === undefined) continue;
      const { hostIp, protocol, port, backends } = held;
      if (backends.size === 0) ended.push(this.#drop(held));
      else this.#table.set(key, { hostIp, protocol, port, backends: [...backends.values()] });
    }
    return { ports: picked, release: () => ended.forEach((close) => close()) };
  }

  /** Gives up all reservations; the rules are the caller's. */
  clear(): void {
    for (const held of [...this.#held.values()]) this.#drop(held)();
    this.#byContainer.clear();
  }

  #hold(port: PublishedPort, group: string, before: readonly PickedPort[], picked: readonly PickedPort[]): Held {
    if (port.published !== null) return this.#reserve({ ...port, published: port.published }, group);
    const same = before.find((old) => normalHostIp(old.hostIp) === port.hostIp && old.protocol === port.protocol && old.target === port.target
      && !picked.some((other) => keyOf(other) === keyOf(old)));
    return same === undefined ? this.#pick(port, group) : this.#reserve({ ...port, published: same.published }, group);
  }

  #pick(port: PublishedPort, group: string): Held {
    for (let tried = FIRST_PICKED; tried <= LAST_PICKED; tried++) {
      const candidate = { ...port, published: this.#nextPicked };
      this.#nextPicked = this.#nextPicked === LAST_PICKED ? FIRST_PICKED : this.#nextPicked + 1;
      if (this.#held.has(keyOf(candidate))) continue;
      try {
        return this.#reserve(candidate, group);
      } catch (error) {
        if (!(error instanceof PortTaken)) throw error;
      }
    }
    throw new BayplanError('port-taken', `no free ${port.protocol} port is left between ${FIRST_PICKED} and ${LAST_PICKED}; name one in the service's ports`);
  }

  #reserve(port: PickedPort, group: string): Held {
    const key = keyOf(port);
    const existing = this.#held.get(key);
    if (existing !== undefined) {
      if (existing.group === group) return existing;
      throw new PortTaken(port, [...existing.backends.keys()]);
    }
    const held = { hostIp: port.hostIp, protocol: port.protocol, port: port.published, group, fd: this.#bind(port), backends: new Map<string, { address: string; port: number }>() };
    this.#held.set(key, held);
    return held;
  }

  #bind(port: PickedPort): number | null {
    try {
      return this.#kernel.reservePort(port.protocol, port.hostIp === '' ? '0.0.0.0' : port.hostIp, port.published).fd;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (error.code === 'EADDRINUSE') throw new PortTaken(port, this.#overlapping(port));
      // Without SCTP in the kernel no program can have the port either.
      if (error.code === 'EPROTONOSUPPORT') return null;
      if (error.code === 'EADDRNOTAVAIL') throw new BayplanError('bad-request', `${portText(port)}: this host has no address ${port.hostIp}; publish on one it has, or on all`, { cause: error });
      throw error;
    }
  }

  /** Our own containers on an address that covers, or is covered by, the wanted one. */
  #overlapping(port: PickedPort): readonly string[] {
    return [...this.#held.values()]
      .filter((held) => held.protocol === port.protocol && held.port === port.published && (held.hostIp === '' || port.hostIp === '' || held.hostIp === port.hostIp))
      .flatMap((held) => [...held.backends.keys()]);
  }

  #drop(held: Held): () => void {
    const key = keyOf({ protocol: held.protocol, hostIp: held.hostIp, published: held.port });
    this.#held.delete(key);
    this.#table.delete(key);
    return () => {
      if (held.fd !== null) this.#kernel.close(held.fd);
    };
  }

  async #taken(taken: PortTaken): Promise<BayplanError> {
    const { port, containers } = taken;
    const what = `port ${portText(port)} is taken`;
    const advice = 'publish another one, or stop what has it';
    if (containers.length > 0) return new BayplanError('port-taken', `${what} by container ${containers.map(this.#nameOf).join(', ')}; ${advice}`);
    const holder = await findPortHolder(port.protocol, port.hostIp === '' ? '0.0.0.0' : port.hostIp, port.published);
    return new BayplanError('port-taken', `${what}${holder === null ? '' : ` by ${holder.program} (pid ${holder.pid})`}; ${advice}`);
  }
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

/** '' for every address. Throws BayplanError `bad-request` for what is no IPv4 address. */
function normalHostIp(hostIp: string): string {
  if (hostIp === '' || hostIp === '0.0.0.0') return '';
  if (addressOf(hostIp) === null) throw new BayplanError('bad-request', `ports: host address "${hostIp}" is not supported, expected an IPv4 address of this host`);
  return hostIp;
}

function keyOf(port: { protocol: PublishedPort['protocol']; hostIp: string; published: number }): string {
  return `${port.protocol}|${normalHostIp(port.hostIp)}|${port.published}`;
}

function portText(port: PickedPort): string {
  return `${port.hostIp === '' ? '0.0.0.0' : port.hostIp}:${port.published}/${port.protocol}`;
}

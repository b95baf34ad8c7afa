import { BayplanError } from '../../state/bayplan-error.ts';
import { addressOf, addressText, type Family } from '../../state/cidr.ts';
import type { PublishedPort } from '../../state/container.ts';
import { hostIpsOverlap } from '../../state/host-ip.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import type { Addresses } from './networks.ts';
import { PortCarrier } from './port-carrier.ts';
import type { PortCarriers } from './port-carriers.ts';
import { ALL_FAMILIES } from './table-ports.ts';
import type { Backend, TablePort } from './table.ts';

/** A host port as it is asked for, with its number. */
export interface PickedPort extends PublishedPort { readonly published: number }

/** A port that another program has. */
export class PortInUse extends Error {}

const EVERYWHERE: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' };

/**
 * One host port of ours: the sockets that keep it from other programs, and the containers that it leads to. Rewriting the destination wins over a program that
 * listens there without any error, so the port must be ours alone.
 */
export class ReservedPort {
  readonly hostIp: string;
  readonly protocol: PublishedPort['protocol'];
  readonly port: number;
  readonly group: string;
  readonly #kernel: Kernel;
  readonly #carriers: PortCarriers;
  #sockets = new Map<Family, { readonly fd: number } | PortCarrier>();
  readonly #backends = new Map<string, { readonly addresses: Addresses; readonly port: number; ready: boolean }>();
  #allow: readonly string[] = [];

  constructor(kernel: Kernel, carriers: PortCarriers, port: PickedPort, group: string) {
    this.hostIp = normalHostIp(port.hostIp);
    this.protocol = port.protocol;
    this.port = port.published;
    this.group = group;
    this.#kernel = kernel;
    this.#carriers = carriers;
  }

  /** Ids of the containers it leads to. */
  get containers(): readonly string[] {
    return [...this.#backends.keys()];
  }

  /** Binds what is not bound yet for a container with these addresses. All or nothing; throws PortInUse, or BayplanError. */
  bind(addresses: Addresses): void {
    const before = new Map(this.#sockets);
    try {
      for (const family of familiesOf(this.hostIp, addresses.ipv6 !== '')) if (!this.#sockets.has(family)) this.#sockets.set(family, this.#socket(family));
    } catch (error) {
      // IPv6 comes last: what was bound here and is to be undone is no carrier.
      for (const [family, socket] of this.#sockets) if (!before.has(family) && 'fd' in socket) this.#kernel.close(socket.fd);
      this.#sockets = before;
      throw error;
    }
  }

  /** Whether it has a socket that leaves no room for one of another's at this address, which is one of IPv4 or of IPv6. */
  covers(hostIp: string): boolean {
    return [...this.#sockets.keys()].some((family) => hostIpsOverlap(this.hostIp === '' ? EVERYWHERE[family] : this.hostIp, hostIp));
  }

  /** What carries it where packet rules cannot; null where they can. */
  get carrier(): PortCarrier | null {
    return [...this.#sockets.values()].find((socket) => socket instanceof PortCarrier) ?? null;
  }

  /** Gives the port up. */
  async close(): Promise<void> {
    const { carrier } = this;
    this.#closeSockets();
    await carrier?.end();
  }

  /** Leaves the port to the next engine, as far as that can be. */
  leaveBehind(): void {
    this.carrier?.leave();
    this.#closeSockets();
  }

  /** `ready` false: it is sent to only where no other is ready. */
  lead(container: string, addresses: Addresses, port: PublishedPort, ready: boolean): void {
    this.#backends.set(container, { addresses, port: port.target, ready });
    this.#allow = port.allow;
    this.#lead();
  }

  setReady(container: string, ready: boolean): void {
    const backend = this.#backends.get(container);
    if (backend !== undefined) backend.ready = ready;
    this.#lead();
  }

  leave(container: string): void {
    this.#backends.delete(container);
    this.#lead();
  }

  /** What the packet rules say of it, by family. */
  table(): ReadonlyMap<Family, TablePort> {
    const { hostIp, protocol, port } = this;
    return new Map([...this.#sockets.keys()].map((family) => [family, {
      family, protocol, port, hostIp: hostIp === EVERYWHERE[family] ? '' : hostIp, backends: this.#targets(family),
      allow: this.#allow.length === 0 ? null : this.#allow.filter((network) => network.includes(':') === (family === 6)),
    }]));
  }

  #lead(): void {
    const own = this.#targets(6);
    this.carrier?.lead(own.length > 0 ? own : this.#targets(4));
  }

  /** In an order of their own: the next engine, which finds them in another, has nothing to change. */
  #targets(family: Family): readonly Backend[] {
    const all = [...this.#backends.values()].flatMap(({ addresses, port, ready }) => {
      const address = family === 4 ? addresses.ipv4 : addresses.ipv6;
      return address === '' ? [] : [{ address, port, ready }];
    });
    const ready = all.filter((backend) => backend.ready);
    return (ready.length > 0 ? ready : all).map(({ address, port }) => ({ address, port })).sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  #socket(family: Family): { readonly fd: number } | PortCarrier {
    const ip = this.hostIp === '' ? EVERYWHERE[family] : this.hostIp;
    const text = portText({ hostIp: ip, protocol: this.protocol, published: this.port });
    try {
      return family === 6 && this.protocol !== 'sctp' ? this.#carriers.open(this.protocol, ip, this.port) : this.#kernel.reservePort(this.protocol, ip, this.port);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (error.code === 'EADDRINUSE') throw new PortInUse(text, { cause: error });
      if (error.code === 'EPROTONOSUPPORT' && this.protocol === 'sctp') throw new BayplanError('bad-request', `port ${text}: this kernel has no SCTP, so nothing could use it; load the module "sctp", or publish tcp`, { cause: error });
      if (error.code === 'EADDRNOTAVAIL') throw noSuchAddress(text, this.hostIp);
      throw error;
    }
  }

  #closeSockets(): void {
    for (const socket of this.#sockets.values()) if ('fd' in socket) this.#kernel.close(socket.fd);
    this.#sockets.clear();
  }
}

export function noSuchAddress(port: string, hostIp: string): BayplanError {
  return new BayplanError('bad-request', `${port}: this host has no address ${hostIp}; publish on one it has, or on all`);
}

/** '' for every address of both families. Throws BayplanError `bad-request` for what is no address. */
export function normalHostIp(hostIp: string): string {
  if (hostIp === '') return '';
  const address = addressOf(hostIp);
  if (address === null) throw new BayplanError('bad-request', `ports: host address "${hostIp}" is no IP address, expected one of this host's`);
  return addressText(address);
}

/** `0.0.0.0:80/tcp`, `[::1]:80/tcp`. */
export function portText({ hostIp, protocol, published }: Pick<PickedPort, 'hostIp' | 'protocol' | 'published'>): string {
  const host = hostIp === '' ? EVERYWHERE[4] : hostIp;
  return `${host.includes(':') ? `[${host}]` : host}:${published}/${protocol}`;
}

/** Where a port on this address of the host is bound, a socket each. On all addresses IPv6 is among them only where the container has it. */
export function placesOf(hostIp: string, ipv6: boolean): readonly string[] {
  return familiesOf(hostIp, ipv6).map((family) => hostIp === '' ? EVERYWHERE[family] : hostIp);
}

function familiesOf(hostIp: string, ipv6: boolean): readonly Family[] {
  if (hostIp === '') return ALL_FAMILIES.filter((family) => family === 4 || ipv6);
  return [hostIp.includes(':') ? 6 : 4];
}

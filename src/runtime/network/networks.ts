import type { PublishedPort } from '../../state/container.ts';
import type { Drift } from '../../state/drift.ts';
import type { Network, NetworkSpec } from '../../state/network.ts';
import type { Pin } from './namespaces.ts';

/** A container as the network sees it. */
export interface Endpoint {
  /** Container id, 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  /** False where it has a health check that has yet to pass. */
  readonly ready: boolean;
  /** In the order of connecting. */
  readonly attachments: readonly EndpointAttachment[];
}
/** The addresses of one attachment; '' where the network has none of that family. */
export interface Addresses { readonly ipv4: string; readonly ipv6: string }
export interface EndpointAttachment extends Addresses {
  /** The network's full name. */ readonly network: string;
  /** All names that resolve to the container there: container name, which addresses lead back to, service, aliases, short id. */
  readonly names: readonly string[];
  readonly linkLocalIps: readonly string[];
  /** '': made from the address. */ readonly macAddress: string;
  /** '': eth0, eth1 … */ readonly interfaceName: string;
  /** Settings of its link: `net.ipv4.conf.IFNAME.forwarding` → value. */ readonly sysctls: Readonly<Record<string, string>>;
  /** The highest one that leads out gives the default route, and is where published ports lead. */ readonly gatewayPriority: number;
}
/** Makes a network namespace that is pinned there: one that belongs to other users than the engine's. */
export type PinNetns = (pin: Pin) => Promise<void>;
/** A namespace with the ids of the containers that live in it: its own, and those that share it. */
export interface InhabitedNamespace { readonly endpoint: Endpoint; readonly inhabitants: readonly string[] }
/** One that lives on in the network namespace (a path) of a container that was removed. */
export interface Survivor { readonly id: string; readonly netns: string }
/** Addresses that are asked for; null: any. */
export interface WantedAddresses { readonly ipv4: string | null; readonly ipv6: string | null }
/**
 * Ports published to one connected container (its id). Containers of one `group` (a service's replicas and generations) may share a port
 * and are balanced; without a group, or with another one's, it is `port-taken`.
 */
export interface Publication { readonly container: string; readonly group?: string; readonly ports: readonly PublishedPort[] }

/** Bridges, addresses, links, names and published ports of one engine. */
export interface Networks {
  list(): ReadonlyMap<string, Network>;
  /** Of one network alone, without asking the kernel as `list` does; null: it is not there. */
  spec(network: string): NetworkSpec | null;
  /** Its id, likewise. */
  id(network: string): string | null;
  /** Its IPv4 gateway, likewise. */
  gateway(network: string): string | null;
  /** Calls `listener` after a network has been made or removed, until the returned function is called. */
  onEvent(listener: (event: 'create' | 'destroy', name: string, network: Network) => void): () => void;
  /** Record and bridge. Idempotent: a record whose bridge is missing gets it again; a different spec is a `conflict`. */
  create(name: string, stack: string, spec: NetworkSpec): Promise<void>;
  /** Says these labels of it from now on, and no others. Throws BayplanError `network-not-found`. */
  label(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Bridge, veths (by link group), zone file, record. Refused (`network-in-use`) while a container on it runs, as in Docker; one that does not run is told at its next start. */
  remove(name: string): Promise<void>;
  /** Gives addresses (the wanted ones, or the next free) and remembers them until `release`. */
  allocate(network: string, container: string, wanted: WantedAddresses): Addresses;
  /** Keeps addresses of a container of which no more is known from others, in whatever networks they are. Throws as `allocate` does. */
  reserve(container: string, addresses: readonly string[]): void;
  /** Takes them back: at once, or when the last one has left the container's namespace; then its names lead there no more, and the network may be removed all the same. */
  release(network: string, container: string): Promise<void>;
  /**
   * Makes the container's namespace, in a mount namespace of pins that `paths.netns` keeps, with its links and addresses up, and puts its names into the zone files.
   * Answers the namespace's path. No attachments: loopback only. One that others live in is taken as it is; a new one is made by `pin` where that is given.
   */
  connect(endpoint: Endpoint, pin?: PinNetns | null): Promise<string>;
  /** Where the namespace of a container is pinned, or is to be by the next `connect`. */
  pin(container: string): string;
  /** Lets a container live in the namespace of another one, which is made where it is not there, and stays for as long as somebody lives in it. */
  join(endpoint: Endpoint, inhabitant: string, pin?: PinNetns | null): Promise<string>;
  /**
   * Makes links, addresses, default routes and names of a container's namespace what its endpoint says now, while it is lived in; where it is not, its next
   * `connect` does. What is there of an attachment already stays as it is, connections included. `doubtful`: a change may have been begun and not been finished.
   */
  reattach(endpoint: Endpoint, doubtful?: boolean): Promise<void>;
  /** The same once an attachment is no more its endpoint's: then its addresses are free. */
  detach(endpoint: Endpoint, network: string): Promise<void>;
  /** A container has left its namespace. When it was the last one, names go at once, then the namespace; the kernel removes the links in its own time. Idempotent. */
  disconnect(id: string): Promise<void>;
  /** Says whether the container passes its health check: names that it shares with others stand for those alone that do. */
  setReady(id: string, ready: boolean): Promise<void>;
  /**
   * Makes exactly these ports lead to the container, one transaction; several containers on one port are balanced. Answers them with the
   * picked host ports: none for a container without an address. `port-taken` (BayplanError) names the address, port and holder where another program or
   * stack has it. Empty: withdraws.
   */
  publish(publication: Publication): Promise<readonly PublishedPort[]>;
  /** Throws `port-taken` as `publish` would, for one that is to start: by containers that `mayYield` names (ids) nothing is taken. `ipv6`: whether they are to lead to it by IPv6 too. Changes nothing. */
  checkPorts(publication: Publication, ipv6: boolean, mayYield: (container: string) => boolean): Promise<void>;
  /** After an engine start: rebuilds the table, the reservations and zone files from what is running; removes leftovers of ours that nobody names. Answers
   * the ids of containers whose ports could not be given back, for which `notices` has the reasons. The namespaces of `untouched` (ids) stay as they are; addresses that `survivors` live at are given to nobody else. */
  restore(namespaces: readonly InhabitedNamespace[], publications: readonly Publication[], untouched?: readonly string[], survivors?: readonly Survivor[]): Promise<readonly string[]>;
  /** Puts our rules back where somebody has changed or removed them, those in others' chains too. */
  repair(): void;
  /** Those in others' chains alone, which belong to no stack. */
  guard(): void;
  /** Looks at the links of all networks on the host, and at their records: `list` shows from then on what is not as it was made. */
  lookAtLinks(): Promise<void>;
  /** The same of the files with their names. */
  lookAtNames(): void;
  /** The same of the packet rules; what is wrong with the ports of a container is `driftOf` it. `by`: who changed them. */
  lookAtRules(by: string | null): void;
  /** What of a container's namespace, and of the rules for its ports, is not as it was made. `inside`: false where the container may change its links itself. */
  driftOf(id: string, inside: boolean): Promise<readonly Drift[]>;
  /** Puts links, addresses and routes of a container's namespace right. */
  mend(id: string): Promise<void>;
  /** Puts a network's link on the host and its record right; containers stay on it. */
  mendNetwork(name: string): Promise<void>;
  /** Paths of the zone files for a container on these networks, for its DNS responder. */
  zoneFiles(networks: readonly string[]): readonly string[];
  /** What was changed outside our own table, and what stands in the way, a line each: rules put into a foreign chain that drops. */
  notices(): readonly string[];
  /** Takes all links and rules of ours off the host, for an engine that ends where there is no container. Records stay: whoever needs a network makes its link anew. */
  leaveHost(): Promise<void>;
  /** Gives up the sockets that reserve host ports, when an engine ends inside a program that goes on. Rules and links stay. */
  close(): void;
}

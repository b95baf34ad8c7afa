import { type Address, addressFromBytes, bytesOf, type Cidr, cidrAt, type Family } from '../../state/cidr.ts';
import { attribute, message, nested, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, numberOf, readAttributes, text, textOf, u16, u32, u8 } from './netlink.ts';

// Numbers of <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>, <linux/veth.h>.
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, GETADDR: 22, NEWROUTE: 24, GETROUTE: 26 } as const;
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, LINK: 5, MASTER: 10, LINKINFO: 18, GROUP: 27, NET_NS_FD: 28 } as const;
const INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 } as const;
const VETH_INFO_PEER = 1;
const BRPORT = { STATE: 1, MODE: 4, ISOLATED: 33 } as const;
const BR_STATE_FORWARDING = 3;
const MACVLAN_MODE = 1;
const VLAN_ID = 1;
const IPVLAN = { MODE: 1, FLAGS: 2 } as const;
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const IFA_F_NODAD = 2;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, TABLE: 15 } as const;
const IFF_UP = 1;
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const IFINFO_BYTES = 16;
const RTMSG_BYTES = 12;
const RTPROT = { KERNEL: 2, STATIC: 4 } as const;
/** What the kernel gives a route to an IPv6 network that a link has an address of. */
const IP6_RT_PRIO_ADDRCONF = 256;
const RTN_UNICAST = 1;
const RT_SCOPE_LINK = 253;
const RT_TABLE_MAIN = 254;

export const MACVLAN_MODES: ReadonlyMap<string, number> = new Map([['private', 1], ['vepa', 2], ['bridge', 4], ['passthru', 8]]);
export const IPVLAN_MODES: ReadonlyMap<string, number> = new Map([['l2', 0], ['l3', 1], ['l3s', 2]]);
export const IPVLAN_FLAGS: ReadonlyMap<string, number> = new Map([['bridge', 0], ['private', 1], ['vepa', 2]]);

export interface Link { readonly index: number; readonly name: string; readonly kind: string; readonly group: number; readonly master: number; readonly up: boolean; /** Hex digits. */ readonly mac: string; readonly mtu: number }
/** A route of the main or another table; `link` is the index of its output link, 0 without one; `gateway` null: everything is on the link itself. */
export interface Route { readonly destination: Cidr; readonly link: number; readonly table: number; readonly unicast: boolean; readonly gateway: Address | null }
/** The side of a link that is in a container. `mac` null: as the kernel likes; `mtu` 0: as it is by itself. */
export interface InnerLink { readonly index: number; readonly name: string; readonly mac: Buffer | null; readonly mtu: number }

/** Makes a bridge that is down. Its hardware address is fixed, so that it does not follow its ports. */
export function bridgeAdd(bridge: { name: string; mac: Buffer; group: number; mtu: number }): Buffer {
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, 0, 0), text(IFLA.IFNAME, bridge.name), attribute(IFLA.ADDRESS, bridge.mac), ...mtuOf(bridge),
    u32(IFLA.GROUP, bridge.group), nested(IFLA.LINKINFO, text(INFO.KIND, 'bridge')));
}

/** Makes a veth, down, whose peer is born in the namespace of descriptor `netns` with the given index, name and hardware address. */
export function vethAdd(veth: { name: string; group: number; netns: number; peer: InnerLink }): Buffer {
  const peer = attribute(VETH_INFO_PEER, Buffer.concat([ifinfo(veth.peer.index, 0, 0), ...innerOf(veth.peer), u32(IFLA.NET_NS_FD, veth.netns)]));
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, 0, 0), text(IFLA.IFNAME, veth.name), ...mtuOf(veth.peer), u32(IFLA.GROUP, veth.group),
    nested(IFLA.LINKINFO, text(INFO.KIND, 'veth'), nested(INFO.DATA, peer)));
}

/** Puts a link on a bridge, and up. */
export function portUp(name: string, bridge: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(0, IFF_UP, IFF_UP), text(IFLA.IFNAME, name), u32(IFLA.MASTER, bridge));
}

/** Makes a macvlan link on `parent` that is born in the namespace of descriptor `netns`. */
export function macvlanAdd(link: { parent: number; mode: number; netns: number; inner: InnerLink }): Buffer {
  return slaveAdd(link, 'macvlan', u32(MACVLAN_MODE, link.mode));
}

/** The same, ipvlan: it has its parent's hardware address. */
export function ipvlanAdd(link: { parent: number; mode: number; flags: number; netns: number; inner: InnerLink }): Buffer {
  return slaveAdd(link, 'ipvlan', u16(IPVLAN.MODE, link.mode), u16(IPVLAN.FLAGS, link.flags));
}

/** Makes a link that is down, of the packets of a parent that bear a VLAN's tag. */
export function vlanAdd(link: { name: string; group: number; parent: number; id: number }): Buffer {
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, 0, 0), text(IFLA.IFNAME, link.name), u32(IFLA.LINK, link.parent), u32(IFLA.GROUP, link.group),
    nested(IFLA.LINKINFO, text(INFO.KIND, 'vlan'), nested(INFO.DATA, u16(VLAN_ID, link.id))));
}

/** Makes a link that is down and leads nowhere. */
export function dummyAdd(link: { name: string; group: number }): Buffer {
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, 0, 0), text(IFLA.IFNAME, link.name), u32(IFLA.GROUP, link.group), nested(IFLA.LINKINFO, text(INFO.KIND, 'dummy')));
}

/** Its index is the next free one there. One that is asked for is looked for in the wrong namespace by Debian's 6.1, and found: EEXIST. */
function slaveAdd({ parent, netns, inner }: { parent: number; netns: number; inner: InnerLink }, kind: string, ...data: readonly Buffer[]): Buffer {
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, 0, 0), u32(IFLA.LINK, parent), u32(IFLA.NET_NS_FD, netns), ...innerOf(inner),
    nested(IFLA.LINKINFO, text(INFO.KIND, kind), nested(INFO.DATA, ...data)));
}

/**
 * How a bridge treats a port, by name or by index. It may always send a frame back through the port it came from: a container calling its own published
 * port needs it. Between two ports that are isolated it sends nothing.
 */
export function portModes(link: string | number, modes: { readonly isolated: boolean }): Buffer {
  const [index, name] = typeof link === 'string' ? [0, [text(IFLA.IFNAME, link)]] : [link, []];
  const isolated = modes.isolated ? [u8(BRPORT.ISOLATED, 1)] : [];
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), ...name,
    nested(IFLA.LINKINFO, text(INFO.SLAVE_KIND, 'bridge'), nested(INFO.SLAVE_DATA, u8(BRPORT.MODE, 1), ...isolated)));
}

export function linkUp(index: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, IFF_UP, IFF_UP));
}

export function linkSetGroup(index: number, group: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), u32(IFLA.GROUP, group));
}

export function linkSetMaster(index: number, bridge: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), u32(IFLA.MASTER, bridge));
}

/** Sets the hardware address; with `arp_notify` the kernel then announces the link's addresses. */
export function linkSetMac(index: number, mac: Buffer): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), attribute(IFLA.ADDRESS, mac));
}

export function linkSetMtu(index: number, mtu: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), u32(IFLA.MTU, mtu));
}

export function linkDelete(index: number): Buffer {
  return message(RTM.DELLINK, 0, ifinfo(index, 0, 0));
}

/** Removes every link of a group at once: a batch of single removals waits 21 ms for each. */
export function groupDelete(group: number): Buffer {
  return message(RTM.DELLINK, 0, ifinfo(0, 0, 0), u32(IFLA.GROUP, group));
}

export function linkGet(name: string): Buffer {
  return message(RTM.GETLINK, 0, ifinfo(0, 0, 0), text(IFLA.IFNAME, name));
}

export function linkDump(): Buffer {
  return message(RTM.GETLINK, NLM_F_DUMP, ifinfo(0, 0, 0));
}

/** An IPv6 address is usable at once: nobody else is given it. */
export function addressAdd(index: number, address: Address, network: Cidr, scope: 'global' | 'link' = 'global'): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt8(AF[address.family], 0);
  fixed.writeUInt8(network.prefix, 1);
  fixed.writeUInt8(address.family === 6 ? IFA_F_NODAD : 0, 2);
  fixed.writeUInt8(scope === 'link' ? RT_SCOPE_LINK : 0, 3);
  fixed.writeUInt32LE(index, 4);
  const broadcast = address.family === 6 ? [] : [attribute(IFA.BROADCAST, bytesOf({ family: 4, bits: network.last }))];
  return message(RTM.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, fixed, attribute(IFA.LOCAL, bytesOf(address)), attribute(IFA.ADDRESS, bytesOf(address)), ...broadcast);
}

/** All addresses of a family that links of the namespace have. */
export function addressDump(family: Family): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt8(AF[family], 0);
  return message(RTM.GETADDR, NLM_F_DUMP, fixed);
}

/** Reads the payload of an RTM_NEWADDR. */
export function readAddress(payload: Buffer): { readonly link: number; readonly address: Address } {
  const attributes = readAttributes(payload, 8);
  return { link: payload.readUInt32LE(4), address: addressFromBytes(attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS) ?? Buffer.alloc(4)) };
}

/** The default route, in the place of any other. `gateway` null: everything is on the link itself. */
export function defaultRouteSet(index: number, family: Family, gateway: Address | null): Buffer {
  const fixed = Buffer.alloc(RTMSG_BYTES);
  fixed.writeUInt8(AF[family], 0);
  fixed.writeUInt8(RT_TABLE_MAIN, 4);
  fixed.writeUInt8(RTPROT.STATIC, 5);
  fixed.writeUInt8(gateway === null ? RT_SCOPE_LINK : 0, 6);
  fixed.writeUInt8(RTN_UNICAST, 7);
  return message(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, fixed, ...(gateway === null ? [] : [attribute(RTA.GATEWAY, bytesOf(gateway))]), u32(RTA.OIF, index));
}

/** The route that comes with an address, once somebody has deleted it. */
export function connectedRouteAdd(index: number, address: Address, { family, first, prefix }: Cidr): Buffer {
  const fixed = Buffer.alloc(RTMSG_BYTES);
  fixed.writeUInt8(AF[family], 0);
  fixed.writeUInt8(prefix, 1);
  fixed.writeUInt8(RT_TABLE_MAIN, 4);
  fixed.writeUInt8(RTPROT.KERNEL, 5);
  fixed.writeUInt8(family === 4 ? RT_SCOPE_LINK : 0, 6);
  fixed.writeUInt8(RTN_UNICAST, 7);
  const more = family === 4 ? attribute(RTA.PREFSRC, bytesOf(address)) : u32(RTA.PRIORITY, IP6_RT_PRIO_ADDRCONF);
  return message(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, fixed, attribute(RTA.DST, bytesOf({ family, bits: first })), more, u32(RTA.OIF, index));
}

export function routeDump(family: Family): Buffer {
  const fixed = Buffer.alloc(RTMSG_BYTES);
  fixed.writeUInt8(AF[family], 0);
  return message(RTM.GETROUTE, NLM_F_DUMP, fixed);
}

/** Reads the payload of an RTM_NEWLINK. */
export function readLink(payload: Buffer): Link {
  const attributes = readAttributes(payload, IFINFO_BYTES);
  const info = readAttributes(attributes.get(IFLA.LINKINFO) ?? Buffer.alloc(0), 0);
  return {
    index: payload.readInt32LE(4), name: textOf(attributes.get(IFLA.IFNAME)), kind: textOf(info.get(INFO.KIND)),
    group: numberOf(attributes.get(IFLA.GROUP)), master: numberOf(attributes.get(IFLA.MASTER)),
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0, mac: attributes.get(IFLA.ADDRESS)?.toString('hex') ?? '', mtu: numberOf(attributes.get(IFLA.MTU)),
  };
}

/** Whether the link of an RTM_NEWLINK's payload is a port that its bridge passes on for. */
export function readPortForwards(payload: Buffer): boolean {
  const info = readAttributes(readAttributes(payload, IFINFO_BYTES).get(IFLA.LINKINFO) ?? Buffer.alloc(0), 0);
  return readAttributes(info.get(INFO.SLAVE_DATA) ?? Buffer.alloc(0), 0).get(BRPORT.STATE)?.at(0) === BR_STATE_FORWARDING;
}

/** Reads the payload of an RTM_NEWROUTE. */
export function readRoute(payload: Buffer): Route {
  const attributes = readAttributes(payload, RTMSG_BYTES);
  const everything = Buffer.alloc(payload.readUInt8(0) === AF[6] ? 16 : 4);
  const gateway = attributes.get(RTA.GATEWAY);
  return {
    destination: cidrAt(addressFromBytes(attributes.get(RTA.DST) ?? everything), payload.readUInt8(1)), link: numberOf(attributes.get(RTA.OIF)),
    table: numberOf(attributes.get(RTA.TABLE)) || payload.readUInt8(4), unicast: payload.readUInt8(7) === RTN_UNICAST, gateway: gateway === undefined ? null : addressFromBytes(gateway),
  };
}

function innerOf(link: InnerLink): readonly Buffer[] {
  return [text(IFLA.IFNAME, link.name), ...(link.mac === null ? [] : [attribute(IFLA.ADDRESS, link.mac)]), ...mtuOf(link)];
}

function mtuOf({ mtu }: { readonly mtu: number }): readonly Buffer[] {
  return mtu === 0 ? [] : [u32(IFLA.MTU, mtu)];
}

function ifinfo(index: number, flags: number, change: number): Buffer {
  const out = Buffer.alloc(IFINFO_BYTES);
  out.writeInt32LE(index, 4);
  out.writeUInt32LE(flags, 8);
  out.writeUInt32LE(change, 12);
  return out;
}

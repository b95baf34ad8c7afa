import { attribute, message, nested, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, readAttributes, text, u32, u8 } from './netlink.ts';
import { bytesOf, type Cidr } from './cidr.ts';

// Numbers of <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>, <linux/veth.h>.
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, NEWROUTE: 24, GETROUTE: 26 } as const;
const IFLA = { ADDRESS: 1, IFNAME: 3, MASTER: 10, LINKINFO: 18, GROUP: 27, NET_NS_FD: 28 } as const;
const INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 } as const;
const VETH_INFO_PEER = 1;
const BRPORT_MODE = 4;
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, TABLE: 15 } as const;
const IFF_UP = 1;
const AF_INET = 2;
const IFINFO_BYTES = 16;
const RTMSG_BYTES = 12;
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;
const RT_TABLE_MAIN = 254;

export interface Link { readonly index: number; readonly name: string; readonly kind: string; readonly group: number; readonly master: number; readonly up: boolean }
/** A route of the main or another table; `link` is the index of its output link, 0 without one. */
export interface Route { readonly destination: Cidr; readonly link: number; readonly table: number; readonly unicast: boolean }

/** Makes a bridge that is down. Its hardware address is fixed, so that it does not follow its ports. */
export function bridgeAdd(bridge: { name: string; mac: Buffer; group: number }): Buffer {
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, 0, 0), text(IFLA.IFNAME, bridge.name), attribute(IFLA.ADDRESS, bridge.mac),
    u32(IFLA.GROUP, bridge.group), nested(IFLA.LINKINFO, text(INFO.KIND, 'bridge')));
}

/**
 * Makes a veth whose peer is born in the namespace of descriptor `netns` with the given index, name and hardware address. This side comes up as a port of
 * `bridge`. The peer must stay down until its side has it: up in this message is ENOTCONN.
 */
export function vethAdd(veth: { name: string; group: number; bridge: number; netns: number; peer: { index: number; name: string; mac: Buffer } }): Buffer {
  const peer = attribute(VETH_INFO_PEER, Buffer.concat([
    ifinfo(veth.peer.index, 0, 0), text(IFLA.IFNAME, veth.peer.name), attribute(IFLA.ADDRESS, veth.peer.mac), u32(IFLA.NET_NS_FD, veth.netns),
  ]));
  return message(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfo(0, IFF_UP, IFF_UP), text(IFLA.IFNAME, veth.name), u32(IFLA.MASTER, veth.bridge), u32(IFLA.GROUP, veth.group),
    nested(IFLA.LINKINFO, text(INFO.KIND, 'veth'), nested(INFO.DATA, peer)));
}

/** Lets a bridge send a frame back through the port it came from: a container calling its own published port needs it. By name, or by index. */
export function portHairpin(link: string | number): Buffer {
  const [index, name] = typeof link === 'string' ? [0, [text(IFLA.IFNAME, link)]] : [link, []];
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), ...name,
    nested(IFLA.LINKINFO, text(INFO.SLAVE_KIND, 'bridge'), nested(INFO.SLAVE_DATA, u8(BRPORT_MODE, 1))));
}

export function linkUp(index: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, IFF_UP, IFF_UP));
}

export function linkSetMaster(index: number, bridge: number): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), u32(IFLA.MASTER, bridge));
}

/** Sets the hardware address; with `arp_notify` the kernel then announces the link's addresses. */
export function linkSetMac(index: number, mac: Buffer): Buffer {
  return message(RTM.NEWLINK, 0, ifinfo(index, 0, 0), attribute(IFLA.ADDRESS, mac));
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

export function addressAdd(index: number, address: number, network: Cidr): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt8(AF_INET, 0);
  fixed.writeUInt8(network.prefix, 1);
  fixed.writeUInt32LE(index, 4);
  return message(RTM.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, fixed, attribute(IFA.LOCAL, bytesOf(address)), attribute(IFA.ADDRESS, bytesOf(address)),
    attribute(IFA.BROADCAST, bytesOf(network.last)));
}

export function defaultRouteAdd(index: number, gateway: number): Buffer {
  const fixed = Buffer.alloc(RTMSG_BYTES);
  fixed.writeUInt8(AF_INET, 0);
  fixed.writeUInt8(RT_TABLE_MAIN, 4);
  fixed.writeUInt8(RTPROT_STATIC, 5);
  fixed.writeUInt8(RTN_UNICAST, 7);
  return message(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, fixed, attribute(RTA.GATEWAY, bytesOf(gateway)), u32(RTA.OIF, index));
}

export function routeDump(): Buffer {
  const fixed = Buffer.alloc(RTMSG_BYTES);
  fixed.writeUInt8(AF_INET, 0);
  return message(RTM.GETROUTE, NLM_F_DUMP, fixed);
}

/** Reads the payload of an RTM_NEWLINK. */
export function readLink(payload: Buffer): Link {
  const attributes = readAttributes(payload, IFINFO_BYTES);
  const info = readAttributes(attributes.get(IFLA.LINKINFO) ?? Buffer.alloc(0), 0);
  return {
    index: payload.readInt32LE(4), name: string(attributes.get(IFLA.IFNAME)), kind: string(info.get(INFO.KIND)),
    group: number(attributes.get(IFLA.GROUP)), master: number(attributes.get(IFLA.MASTER)),
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
  };
}

/** Reads the payload of an RTM_NEWROUTE (IPv4). */
export function readRoute(payload: Buffer): Route {
  const attributes = readAttributes(payload, RTMSG_BYTES);
  const prefix = payload.readUInt8(1);
  const first = attributes.get(RTA.DST)?.readUInt32BE(0) ?? 0;
  return {
    destination: { first, last: first + 2 ** (32 - prefix) - 1, prefix }, link: number(attributes.get(RTA.OIF)),
    table: number(attributes.get(RTA.TABLE)) || payload.readUInt8(4), unicast: payload.readUInt8(7) === RTN_UNICAST,
  };
}

function ifinfo(index: number, flags: number, change: number): Buffer {
  const out = Buffer.alloc(IFINFO_BYTES);
  out.writeInt32LE(index, 4);
  out.writeUInt32LE(flags, 8);
  out.writeUInt32LE(change, 12);
  return out;
}

function string(value: Buffer | undefined): string {
  return value === undefined ? '' : value.toString('latin1').replace(/\0.*$/s, '');
}

function number(value: Buffer | undefined): number {
  return value === undefined ? 0 : value.readUInt32LE(0);
}

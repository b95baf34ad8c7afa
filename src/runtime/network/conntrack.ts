import { addressFromBytes, addressText } from '../../state/cidr.ts';
import type { Kernel } from '../kernel.ts';
import { requestLinks } from './link-request.ts';
import { attribute, message, NLA_F_NESTED, NLM_F_DUMP, readAttributes } from './netlink.ts';

// Numbers of <linux/netfilter/nfnetlink.h> and <linux/netfilter/nfnetlink_conntrack.h>.
const NETLINK_NETFILTER = 12;
const CT_GET = (1 << 8) | 1;
const CT_DELETE = (1 << 8) | 2;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, ID: 12 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
/** Attributes of an address pair: source and destination, IPv4 and IPv6. */
const IP = { SRC: [1, 3], DST: [2, 4] } as const;
const PROTO = { NUM: 1, DST_PORT: 3 } as const;
const NFGEN_BYTES = 4;
const AF = { INET: 2, INET6: 10 } as const;
const UDP = 17;

/** A flow that connection tracking knows. `answersFrom` is who the packets really go to. */
export interface Flow {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  readonly protocol: number;
  readonly to: string;
  readonly port: number;
  readonly answersFrom: string;
  /** Says it to the kernel again. */
  readonly original: Buffer;
  readonly id: Buffer;
}

/**
 * Forgets the UDP flows for which `stale` answers true. A flow keeps its first destination for as long as packets come, even where the rule that
 * chose it has gone: clients of a moved port would never reach the new container.
 */
export async function forgetUdpFlows(kernel: Kernel, stale: (flow: Flow) => boolean): Promise<void> {
  const answers = await requestLinks(kernel, null, Object.values(AF).map((family) => ({ about: 'tracked connections', message: message(CT_GET, NLM_F_DUMP, header(family)) })), NETLINK_NETFILTER);
  const flows = answers.flatMap((answer) => answer.payloads).map(readFlow).filter((flow) => flow.protocol === UDP && stale(flow));
  if (flows.length === 0) return;
  await requestLinks(kernel, null, flows.map((flow) => ({ about: `flow to ${flow.to}:${flow.port}`, message: flowDelete(flow), accept: ['ENOENT'] })), NETLINK_NETFILTER);
}

export function flowDelete(flow: Flow): Buffer {
  return message(CT_DELETE, 0, header(flow.family), attribute(CTA.TUPLE_ORIG | NLA_F_NESTED, flow.original), attribute(CTA.ID, flow.id));
}

/** Reads the payload of an IPCTNL_MSG_CT_NEW. */
export function readFlow(payload: Buffer): Flow {
  const attributes = readAttributes(payload, NFGEN_BYTES);
  const original = attributes.get(CTA.TUPLE_ORIG) ?? Buffer.alloc(0);
  const tuple = readAttributes(original, 0);
  const reply = readAttributes(attributes.get(CTA.TUPLE_REPLY) ?? Buffer.alloc(0), 0);
  const proto = readAttributes(tuple.get(TUPLE.PROTO) ?? Buffer.alloc(0), 0);
  return {
    family: payload.readUInt8(0), protocol: proto.get(PROTO.NUM)?.readUInt8(0) ?? 0,
    port: proto.get(PROTO.DST_PORT)?.readUInt16BE(0) ?? 0,
    to: addressIn(tuple.get(TUPLE.IP), IP.DST),
    answersFrom: addressIn(reply.get(TUPLE.IP), IP.SRC),
    original, id: attributes.get(CTA.ID) ?? Buffer.alloc(4),
  };
}

function addressIn(part: Buffer | undefined, types: readonly number[]): string {
  const attributes = readAttributes(part ?? Buffer.alloc(0), 0);
  const address = types.map((type) => attributes.get(type)).find((value) => value !== undefined);
  return address === undefined ? '' : addressText(addressFromBytes(address));
}

function header(family: number): Buffer {
  return Buffer.from([family, 0, 0, 0]);
}

import type { Kernel } from '../kernel.ts';
import { addressText } from './cidr.ts';
import { requestLinks } from './link-request.ts';
import { attribute, message, NLA_F_NESTED, NLM_F_DUMP, readAttributes } from './netlink.ts';

// Numbers of <linux/netfilter/nfnetlink.h> and <linux/netfilter/nfnetlink_conntrack.h>.
const NETLINK_NETFILTER = 12;
const CT_GET = (1 << 8) | 1;
const CT_DELETE = (1 << 8) | 2;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, ID: 12 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const IP = { V4_SRC: 1, V4_DST: 2 } as const;
const PROTO = { NUM: 1, DST_PORT: 3 } as const;
const NFGEN_BYTES = 4;
const AF_INET = 2;
const UDP = 17;

/** A flow that connection tracking knows. `answersFrom` is who the packets really go to. */
export interface Flow {
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
  const [answer] = await requestLinks(kernel, null, [{ about: 'tracked connections', message: message(CT_GET, NLM_F_DUMP, family()) }], NETLINK_NETFILTER);
  const flows = (answer?.payloads ?? []).map(readFlow).filter((flow) => flow.protocol === UDP && stale(flow));
  if (flows.length === 0) return;
  await requestLinks(kernel, null, flows.map((flow) => ({ about: `flow to ${flow.to}:${flow.port}`, message: flowDelete(flow), accept: ['ENOENT'] })), NETLINK_NETFILTER);
}

export function flowDelete(flow: Flow): Buffer {
  return message(CT_DELETE, 0, family(), attribute(CTA.TUPLE_ORIG | NLA_F_NESTED, flow.original), attribute(CTA.ID, flow.id));
}

/** Reads the payload of an IPCTNL_MSG_CT_NEW (IPv4). */
export function readFlow(payload: Buffer): Flow {
  const attributes = readAttributes(payload, NFGEN_BYTES);
  const original = attributes.get(CTA.TUPLE_ORIG) ?? Buffer.alloc(0);
  const tuple = readAttributes(original, 0);
  const reply = readAttributes(attributes.get(CTA.TUPLE_REPLY) ?? Buffer.alloc(0), 0);
  const proto = readAttributes(tuple.get(TUPLE.PROTO) ?? Buffer.alloc(0), 0);
  return {
    protocol: proto.get(PROTO.NUM)?.readUInt8(0) ?? 0,
    port: proto.get(PROTO.DST_PORT)?.readUInt16BE(0) ?? 0,
    to: addressIn(tuple.get(TUPLE.IP), IP.V4_DST),
    answersFrom: addressIn(reply.get(TUPLE.IP), IP.V4_SRC),
    original, id: attributes.get(CTA.ID) ?? Buffer.alloc(4),
  };
}

function addressIn(part: Buffer | undefined, type: number): string {
  const address = readAttributes(part ?? Buffer.alloc(0), 0).get(type);
  return address === undefined ? '' : addressText(address.readUInt32BE(0));
}

function family(): Buffer {
  return Buffer.from([AF_INET, 0, 0, 0]);
}

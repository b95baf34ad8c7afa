import type { Kernel } from '../kernel.ts';
import { requestLinks } from './link-request.ts';
import { message, readAttributes } from './netlink.ts';

// Numbers of <linux/netfilter/nfnetlink.h> and <linux/netfilter/nf_tables.h>.
const NETLINK_NETFILTER = 12;
const GET_GENERATION = (10 << 8) | 16;
const NFGEN_BYTES = 4;
const GENERATION_ID = 1;

/** The number of the ruleset, which every change by anybody makes another one: tells cheaply whether there is anything to look at. */
export async function rulesetGeneration(kernel: Kernel): Promise<number> {
  const [answer] = await requestLinks(kernel, null, [{ about: 'ruleset', message: message(GET_GENERATION, 0, Buffer.alloc(NFGEN_BYTES)) }], NETLINK_NETFILTER);
  const [payload] = answer?.payloads ?? [];
  return payload === undefined ? 0 : readAttributes(payload, NFGEN_BYTES).get(GENERATION_ID)?.readUInt32BE(0) ?? 0;
}

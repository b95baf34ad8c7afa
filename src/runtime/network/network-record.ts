import * as z from 'zod';
import { IpamPool, NetworkSpec } from '../../state/network.ts';

export const NETWORK_RECORD_VERSION = 2;

const Record = z.strictObject({
  version: z.literal(NETWORK_RECORD_VERSION),
  name: z.string(),
  stack: z.string(),
  spec: NetworkSpec,
  /** 64 hex digits. */
  id: z.string(),
  link: z.string(),
  /** Link group of the bridge and the veths on it. */
  group: z.int().positive(),
  /** As they were chosen, IPv4 first. */
  pools: z.array(IpamPool),
  createdAt: z.number(),
});
export type NetworkRecord = z.infer<typeof Record>;

const First = z.looseObject({ version: z.literal(1), subnet: z.string(), gateway: z.string(), spec: z.looseObject({ ipam: z.looseObject({ ipRange: z.string() }) }) });

/** Version 1 knew one pool, of IPv4. */
function migrated(value: unknown): unknown {
  const first = First.safeParse(value);
  if (!first.success) return value;
  const { version: _, subnet, gateway, ...rest } = first.data;
  return { ...rest, version: NETWORK_RECORD_VERSION, pools: [{ subnet, gateway, ipRange: rest.spec.ipam.ipRange }] };
}

/** What is kept of a network, at `paths.networks/<name>.json`. */
export const NetworkRecord: z.ZodType<NetworkRecord> = z.preprocess(migrated, Record);

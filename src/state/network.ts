import { createHash } from 'node:crypto';
import * as z from 'zod';
import { Drift } from './drift.ts';

/** Addresses of a network, of one family. '' lets the engine choose. */
export const IpamPool = z.strictObject({
  /** CIDR, as `10.9.0.0/24` or `fd00:9::/64`. */ subnet: z.string(),
  gateway: z.string(),
  /** CIDR inside `subnet` that addresses are given from. */ ipRange: z.string(),
  /** Addresses that are never given, by the name of who has them. */ auxAddresses: z.record(z.string(), z.string()).default({}),
});
export type IpamPool = z.infer<typeof IpamPool>;

/** Records of before several pools hold the only one by itself, empty where nothing was asked for. */
const IpamPools = z.union([z.array(IpamPool), IpamPool.transform((pool) => (pool.subnet + pool.gateway + pool.ipRange === '' ? [] : [pool]))]);

/** A network as desired. `stack` '' when it belongs to none. External ones are preconditions: never made or removed. */
export const NetworkSpec = z.strictObject({
  driver: z.enum(['bridge', 'macvlan', 'ipvlan']),
  internal: z.boolean(),
  external: z.boolean(),
  /** Containers made by themselves may join; kept for other programs, since here they always may. */
  attachable: z.boolean().default(false),
  ipv6: z.boolean().default(false),
  /** A family of which none is named gets a pool of the engine's choice. */
  ipam: IpamPools,
  labels: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.string()),
});
export type NetworkSpec = z.infer<typeof NetworkSpec>;

export const NetworkStatus = z.strictObject({
  /** 64 hex digits. */
  id: z.string(),
  /** Name of the bridge, or of the parent link; at most 15 bytes. */
  link: z.string(),
  /** The pools as they were chosen: nothing in them is '' but `ipRange`. IPv4 first. */
  pools: z.array(IpamPool),
  createdAt: z.number(),
  /** False: the record exists, the kernel's link does not (after a boot, or removed by hand). */
  present: z.boolean(),
  /** As of a container. */
  drift: z.array(Drift).optional(),
});
export type NetworkStatus = z.infer<typeof NetworkStatus>;

export const Network = z.strictObject({ stack: z.string(), spec: NetworkSpec, status: NetworkStatus.nullable() });
export type Network = z.infer<typeof Network>;

/** The network of containers that name none. It is made when it is first needed, and never removed. */
export const DEFAULT_NETWORK = 'bridge';
export const DEFAULT_NETWORK_SPEC: NetworkSpec = { driver: 'bridge', internal: false, external: false, attachable: false, ipv6: false, ipam: [], labels: {}, options: {} };

/** The id of a network that clients of Docker know without its having been made: the same for as long as the root is, before and after. 64 hex digits. */
export function predefinedNetworkId(root: string, name: string): string {
  return createHash('sha256').update(`${root} network ${name}`).digest('hex');
}

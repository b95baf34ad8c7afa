import * as z from 'zod';

/** Addresses of a network. '' lets the engine pick from its pools. */
export const Ipam = z.strictObject({
  /** CIDR, as `10.9.0.0/24`. */ subnet: z.string(),
  gateway: z.string(),
  /** CIDR inside `subnet` that addresses are given from. */ ipRange: z.string(),
});
export type Ipam = z.infer<typeof Ipam>;

/** A network as desired. `stack` '' when it belongs to none. External ones are preconditions: never made or removed. */
export const NetworkSpec = z.strictObject({
  driver: z.enum(['bridge']),
  internal: z.boolean(),
  external: z.boolean(),
  ipam: Ipam,
  labels: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.string()),
});
export type NetworkSpec = z.infer<typeof NetworkSpec>;

export const NetworkStatus = z.strictObject({
  /** 64 hex digits. */
  id: z.string(),
  /** The bridge's link name, at most 15 bytes. */
  link: z.string(),
  subnet: z.string(),
  gateway: z.string(),
  createdAt: z.number(),
  /** False: the record exists, the kernel's bridge does not (after a boot, or removed by hand). */
  present: z.boolean(),
});
export type NetworkStatus = z.infer<typeof NetworkStatus>;

export const Network = z.strictObject({ stack: z.string(), spec: NetworkSpec, status: NetworkStatus.nullable() });
export type Network = z.infer<typeof Network>;

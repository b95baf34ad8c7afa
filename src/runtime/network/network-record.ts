import * as z from 'zod';
import { NetworkSpec } from '../../state/network.ts';

export const NETWORK_RECORD_VERSION = 1;

/** What is kept of a network, at `paths.networks/<name>.json`. */
export const NetworkRecord = z.strictObject({
  version: z.literal(NETWORK_RECORD_VERSION),
  name: z.string(),
  stack: z.string(),
  spec: NetworkSpec,
  /** 64 hex digits. */
  id: z.string(),
  link: z.string(),
  /** Link group of the bridge and the veths on it. */
  group: z.int().positive(),
  subnet: z.string(),
  gateway: z.string(),
  createdAt: z.number(),
});
export type NetworkRecord = z.infer<typeof NetworkRecord>;

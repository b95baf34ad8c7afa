import * as z from 'zod';
import { Drift } from './drift.ts';

/** A volume as desired. External ones are preconditions: never made or removed. */
export const VolumeSpec = z.strictObject({
  driver: z.enum(['local']),
  external: z.boolean(),
  driverOpts: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
});
export type VolumeSpec = z.infer<typeof VolumeSpec>;

/** Label of a volume that was made without a name of its own, as Docker sets it. */
export const ANONYMOUS_VOLUME = 'com.docker.volume.anonymous';

export const VolumeStatus = z.strictObject({ mountpoint: z.string(), createdAt: z.number(), /** As of a container. */ drift: z.array(Drift).optional() });
export type VolumeStatus = z.infer<typeof VolumeStatus>;

export const Volume = z.strictObject({ stack: z.string(), spec: VolumeSpec, status: VolumeStatus.nullable() });
export type Volume = z.infer<typeof Volume>;

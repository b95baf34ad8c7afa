import * as z from 'zod';
import { Healthcheck } from './container.ts';

/** What an image says about containers made from it (OCI image spec, config.md), in our own canonical form. */
export const ImageConfig = z.strictObject({
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  /** `KEY=value`, as in the image. */
  environment: z.array(z.string()),
  user: z.string(),
  workingDir: z.string(),
  labels: z.record(z.string(), z.string()),
  stopSignal: z.string(),
  healthcheck: Healthcheck.nullable(),
  /** `80/tcp`. */
  exposedPorts: z.array(z.string()),
  volumes: z.array(z.string()),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

/** An image reference on the desired side; with a status, what the store holds for it. */
export const ImageStatus = z.strictObject({
  /** Digest of the image's config, `sha256:…`: the image ID. */
  id: z.string(),
  /** Digest of the manifest. */
  digest: z.string(),
  createdAt: z.number(),
  /** Bytes of the compressed layers. */
  size: z.number(),
  config: ImageConfig,
});
export type ImageStatus = z.infer<typeof ImageStatus>;

export const Image = z.strictObject({
  spec: z.strictObject({
    /** `refresh`: again when `refreshMs` have gone since it was last pulled. */
    pullPolicy: z.enum(['missing', 'always', 'never', 'build', 'refresh']),
    refreshMs: z.number().default(0),
  }),
  status: ImageStatus.nullable(),
  /** When its registry was last asked for it, ms since the epoch; 0: never. */
  pulledAt: z.number().default(0),
});
export type Image = z.infer<typeof Image>;

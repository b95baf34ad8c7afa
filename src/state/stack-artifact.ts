import * as z from 'zod';

/** A stack that was published to a registry (docker compose's `publish`): its files, stack file and env files, in one folder. */
export const StackArtifact = z.strictObject({
  version: z.literal(1),
  /** Of the manifest. */
  digest: z.string(),
  /** By name, bytes in base64. One is `compose.yaml`. */
  files: z.record(z.string(), z.string()),
});
export type StackArtifact = z.infer<typeof StackArtifact>;

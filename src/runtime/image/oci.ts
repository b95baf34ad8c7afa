import * as z from 'zod';

// The documents of the OCI image specification 1.1 and Docker's forms of them, as far as the store reads them. Unknown fields pass.

export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 digest');

export const Descriptor = z.looseObject({
  mediaType: z.string().optional(),
  digest: Digest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z.looseObject({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).optional(),
});
export type Descriptor = z.infer<typeof Descriptor>;

/** image-index.md; also Docker's manifest list. */
export const Index = z.looseObject({ schemaVersion: z.literal([2, 0]).default(2), mediaType: z.string().optional(), manifests: z.array(Descriptor) });
export type Index = z.infer<typeof Index>;

/** manifest.md; also Docker's schema 2. */
export const Manifest = z.looseObject({ /** 0 and none: what containerd and Docker take too. */ schemaVersion: z.literal([2, 0]).default(2), mediaType: z.string().optional(), config: Descriptor, layers: z.array(Descriptor) });
export type Manifest = z.infer<typeof Manifest>;

/** `manifest.json` of a `docker save` archive. */
export const DockerManifests = z.array(z.looseObject({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()).nullish().transform((layers) => layers ?? []) }));

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
export const DOCKER_MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_INDEX_TYPE = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** The whole name of an image in a layout's index. `ref.name` may be a bare tag elsewhere; in our store it is the whole name too. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
export const IMAGE_NAME = 'io.containerd.image.name';

export function isIndex(descriptor: Descriptor): boolean {
  return descriptor.mediaType === INDEX_TYPE || descriptor.mediaType === DOCKER_INDEX_TYPE;
}

import { architecture as ownArchitecture } from '../platform.ts';
import { readConfig, readTop } from './documents.ts';
import type { Repository } from './repository.ts';

export interface Platform { readonly architecture: string; readonly os: string; readonly variant?: string }

/** What a name stands for at its registry: an index where there is one, else a manifest. */
export interface Described { readonly digest: string; readonly mediaType: string; readonly size: number; readonly platforms: readonly Platform[] }

/** Looks at an image's documents without bringing it. `reference`: tag or digest. Throws BayplanError `bad-image`, and what Repository throws. */
export async function describeImage(repository: Repository, reference: string, what: string): Promise<Described> {
  const { bytes, digest, contentType: mediaType } = await repository.manifest(reference, what);
  const top = readTop(bytes, mediaType, what);
  const described = { digest, mediaType, size: bytes.length };
  if (top.kind === 'index') return { ...described, platforms: top.index.manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platformOf(platform)])) };
  const config = readConfig(await repository.document(top.manifest.config, what), top.manifest, what);
  return { ...described, platforms: [platformOf(config)] };
}

function platformOf({ architecture = ownArchitecture(), os = 'linux', variant }: { readonly architecture?: string | undefined; readonly os?: string | undefined; readonly variant?: string | null | undefined }): Platform {
  return { architecture, os, ...(variant == null || variant === '' ? {} : { variant }) };
}

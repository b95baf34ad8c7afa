import { createHash } from 'node:crypto';

/** Chain IDs of layers, lowest first (OCI image spec, config.md "Layer ChainID"): a layer's identity together with all below it. */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`);
  }
  return chain;
}

/** Folder of an unpacked layer below `paths.layers`: short, since an overlay's options hold the names of all its layers in one page. */
export function layerFolder(chainId: string): string {
  return chainId.slice('sha256:'.length, 'sha256:'.length + 32);
}

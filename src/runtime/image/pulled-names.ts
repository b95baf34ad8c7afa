import { nameOf } from './index-names.ts';
import type { Descriptor, Index } from './oci.ts';

// Where a name came from stands with its descriptor in the layout's index, so that it goes with the name and other programs pass over it.
const DIGEST = 'io.bayplan.pulled.digest';
const AT = 'io.bayplan.pulled.at';

export interface PulledName {
  /** What the name stood for at its registry: the digest of an index or manifest. */
  readonly digest: string;
  /** When the registry was asked, ms since the epoch. */
  readonly at: number;
}

/** Null for a name that was never pulled. */
export function pulledName(index: Index, name: string): PulledName | null {
  const annotations = index.manifests.find((descriptor) => nameOf(descriptor) === name)?.annotations;
  const digest = annotations?.[DIGEST];
  return digest === undefined ? null : { digest, at: Number(annotations?.[AT] ?? 0) };
}

export function asPulled(descriptor: Descriptor, { digest, at }: PulledName): Descriptor {
  return { ...descriptor, annotations: { ...descriptor.annotations, [DIGEST]: digest, [AT]: String(at) } };
}

/** The digest under which a name's image may be asked for too, beside its manifest's. */
export function pulledDigest({ annotations }: Descriptor): string | null {
  return annotations?.[DIGEST] ?? null;
}

import { arch } from 'node:process';
import type { Descriptor } from './oci.ts';

/** OCI's (Go's) names of the architectures that Node names otherwise. */
const NAMES: Partial<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
/** Variants that a machine surely runs, best first; '' stands for none. */
const VARIANTS: Partial<Record<string, readonly string[]>> = { amd64: ['', 'v1'], arm64: ['v8', ''], arm: ['v7', 'v6', 'v5', ''] };

/** This machine's architecture as images name it. */
export function architecture(): string {
  return NAMES[arch] ?? arch;
}

/** Those of an index's entries that are for this machine, best first; one that names no platform is for any. */
export function forThisMachine(descriptors: readonly Descriptor[], machine: string = architecture()): readonly Descriptor[] {
  const variants = VARIANTS[machine] ?? [''];
  return descriptors.flatMap((descriptor) => {
    const { platform } = descriptor;
    if (platform === undefined) return [{ descriptor, rank: variants.length }];
    const rank = platform.os === 'linux' && platform.architecture === machine ? variants.indexOf(platform.variant ?? '') : -1;
    return rank < 0 ? [] : [{ descriptor, rank }];
  }).sort((a, b) => a.rank - b.rank).map(({ descriptor }) => descriptor);
}

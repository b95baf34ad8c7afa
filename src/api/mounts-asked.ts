import type { Mount } from '../state/container.ts';
import type { DockerMount } from './docker-config.ts';

/** What a container has mounted, in the words that it was asked for in. */
export interface MountsAsked {
  readonly HostConfig: { readonly Binds: readonly string[]; readonly Mounts?: readonly DockerMount[]; readonly Tmpfs?: Readonly<Record<string, string>> };
  /** Targets of anonymous volumes. */
  readonly Volumes: readonly string[];
}

/** The inverse of `mountsOf`: programs read it from a container's inspection to make another one like it. `Mounts` has what `Binds`, `Tmpfs` and `Volumes` have no word for. */
export function mountsAsked(mounts: readonly Mount[]): MountsAsked {
  const binds: string[] = [];
  const tmpfs: Record<string, string> = {};
  const volumes: string[] = [];
  const others: DockerMount[] = [];
  for (const mount of mounts) {
    const bind = bindText(mount);
    if (bind !== null) binds.push(bind);
    else if (isPlain(mount)) tmpfs[mount.target] = mount.options.join(',');
    else if (mount.type === 'volume' && mount.source === null && !mount.readOnly && !mount.nocopy) volumes.push(mount.target);
    else others.push(longForm(mount));
  }
  return { HostConfig: { Binds: binds, ...(others.length === 0 ? {} : { Mounts: others }), ...(Object.keys(tmpfs).length === 0 ? {} : { Tmpfs: tmpfs }) }, Volumes: volumes };
}

/** A tmpfs as `--tmpfs` asks for one. */
export function isPlain(mount: Mount): mount is Extract<Mount, { type: 'tmpfs' }> & { readonly size: null; readonly mode: null } {
  return mount.type === 'tmpfs' && mount.size === null && mount.mode === null;
}

/** `SOURCE:TARGET[:OPTIONS]`; null where that cannot say it. */
function bindText(mount: Mount): string | null {
  const short = mount.type === 'bind' ? mount.createHostPath && mount.recursive === 'enabled' : mount.type === 'volume' && mount.source !== null && mount.subpath === '';
  if (!short || (mount.type !== 'bind' && mount.type !== 'volume')) return null;
  const options = [...(mount.readOnly ? ['ro'] : []), ...(mount.type === 'volume' ? (mount.nocopy ? ['nocopy'] : []) : mount.propagation === '' ? [] : [mount.propagation])];
  return [mount.source, mount.target, ...(options.length === 0 ? [] : [options.join(',')])].join(':');
}

function longForm(mount: Mount): DockerMount {
  switch (mount.type) {
    case 'bind': {
      const { source, target, readOnly, createHostPath, propagation, recursive } = mount;
      const options = {
        ...(propagation === '' ? {} : { Propagation: propagation }), ...(createHostPath ? { CreateMountpoint: true } : {}),
        ...{ enabled: {}, disabled: { NonRecursive: true }, writable: { ReadOnlyNonRecursive: true }, readonly: { ReadOnlyForceRecursive: true } }[recursive],
      };
      return { Type: 'bind', Source: source, Target: target, ...(readOnly ? { ReadOnly: true } : {}), ...(Object.keys(options).length === 0 ? {} : { BindOptions: options }) };
    }
    case 'volume': {
      const { source, target, readOnly, nocopy, subpath } = mount;
      const options = { ...(nocopy ? { NoCopy: true } : {}), ...(subpath === '' ? {} : { Subpath: subpath }) };
      return { Type: 'volume', ...(source === null ? {} : { Source: source }), Target: target, ...(readOnly ? { ReadOnly: true } : {}), ...(Object.keys(options).length === 0 ? {} : { VolumeOptions: options }) };
    }
    case 'image': return { Type: 'image', Source: mount.source, Target: mount.target, ...(mount.subpath === '' ? {} : { ImageOptions: { Subpath: mount.subpath } }) };
    case 'tmpfs': {
      const { target, size, mode } = mount;
      const options = mount.options.filter((option) => option !== 'ro').map((option) => option.split(/=(.*)/s, 2));
      return {
        Type: 'tmpfs', Target: target, ...(mount.options.includes('ro') ? { ReadOnly: true } : {}),
        TmpfsOptions: { ...(size === null ? {} : { SizeBytes: size }), ...(mode === null ? {} : { Mode: mode }), ...(options.length === 0 ? {} : { Options: options }) },
      };
    }
  }
}

import { BayplanError } from '../state/bayplan-error.ts';
import type { Mount } from '../state/container.ts';
import type { DockerConfig, DockerMount } from './docker-config.ts';

/** What a container is to have mounted: `Binds`, `Mounts`, `Tmpfs`, and anonymous volumes for the targets in `Volumes` that nothing else has. */
export function mountsOf({ HostConfig, Volumes }: DockerConfig): readonly Mount[] {
  const asked = [
    ...(HostConfig?.Binds ?? []).map(bindOf), ...(HostConfig?.Mounts ?? []).map(mountOf),
    ...Object.entries(HostConfig?.Tmpfs ?? {}).map(([target, options]) => tmpfsOf(target, options)),
  ];
  const taken = new Set(asked.map(({ target }) => target));
  return [...asked, ...Object.keys(Volumes ?? {}).filter((target) => !taken.has(target)).map((target) => volume(null, target, {}))];
}

/** `SOURCE:TARGET[:OPTIONS]`, where a source that is no absolute path is a volume's name. */
function bindOf(text: string): Mount {
  const [source = '', target = '', ...rest] = text.split(':');
  if (!target.startsWith('/') || source === '') throw new BayplanError('bad-request', `HostConfig.Binds: "${text}": expected SOURCE:TARGET[:OPTIONS] with an absolute target`);
  const options = rest.join(':').split(',');
  const readOnly = options.includes('ro');
  if (!source.startsWith('/')) return volume(source, target, { readOnly, nocopy: options.includes('nocopy') });
  const propagation = options.find((option) => /^r?(private|shared|slave)$/.test(option)) ?? '';
  return { type: 'bind', source, target, readOnly, createHostPath: true, propagation, recursive: 'enabled' };
}

function mountOf({ Type, Source, Target, ReadOnly, BindOptions, VolumeOptions, TmpfsOptions, ImageOptions }: DockerMount): Mount {
  const readOnly = ReadOnly ?? false;
  if (!Target.startsWith('/')) throw new BayplanError('bad-request', `HostConfig.Mounts: target "${Target}" is not an absolute path`);
  switch (Type) {
    case 'bind': return { type: 'bind', source: Source ?? '', target: Target, readOnly, createHostPath: BindOptions?.CreateMountpoint ?? false, propagation: BindOptions?.Propagation ?? '', recursive: recursiveOf(BindOptions) };
    case 'volume': {
      if (Object.keys(VolumeOptions?.DriverConfig?.Options ?? {}).length > 0) throw new BayplanError('not-built', `HostConfig.Mounts: ${Target}: make a volume with options first, by POST /volumes/create`);
      return volume(Source === '' ? null : Source ?? null, Target, { readOnly, nocopy: VolumeOptions?.NoCopy ?? false, subpath: VolumeOptions?.Subpath ?? '' });
    }
    case 'image': {
      return { type: 'image', source: Source ?? '', target: Target, subpath: ImageOptions?.Subpath ?? '' };
    }
    case 'tmpfs': return { type: 'tmpfs', target: Target, size: TmpfsOptions?.SizeBytes ?? null, mode: TmpfsOptions?.Mode ?? null, options: readOnly ? ['ro'] : [] };
    default: throw new BayplanError('bad-request', `invalid mount config for type "${Type}": mount type unknown`);
  }
}

function recursiveOf(options: DockerMount['BindOptions']): 'enabled' | 'disabled' | 'writable' | 'readonly' {
  if (options?.NonRecursive === true) return 'disabled';
  if (options?.ReadOnlyNonRecursive === true) return 'writable';
  return options?.ReadOnlyForceRecursive === true ? 'readonly' : 'enabled';
}

function volume(source: string | null, target: string, { readOnly = false, nocopy = false, subpath = '' }: { readOnly?: boolean; nocopy?: boolean; subpath?: string }): Mount {
  return { type: 'volume', source, target, readOnly, nocopy, subpath };
}

/** As mount(8) would be told: `size=64m,mode=1777,noexec`. */
function tmpfsOf(target: string, options: string): Mount {
  return { type: 'tmpfs', target, size: null, mode: null, options: options.split(',').filter((option) => option !== '') };
}

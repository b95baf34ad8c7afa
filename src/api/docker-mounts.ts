import { normalize } from 'node:path/posix';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Mount } from '../state/container.ts';
import { tmpfsOptionProblem } from '../state/tmpfs-options.ts';
import type { VolumeSpec } from '../state/volume.ts';
import type { DockerConfig, DockerMount } from './docker-config.ts';

const PROPAGATION = /^r?(private|shared|slave)$/;
/** Kinds of options of a bind, of each at most one. */
const MODES: readonly RegExp[] = [/^(rw|ro)$/, /^[zZ]$/, /^nocopy$/, PROPAGATION];

/** What a container is to have mounted: `Binds`, `Mounts`, `Tmpfs`, and anonymous volumes for the targets in `Volumes` that nothing else has. Throws BayplanError `bad-request`, in Docker's words. */
export function mountsOf({ HostConfig, Volumes }: DockerConfig): readonly Mount[] {
  const mounts = [...(HostConfig?.Binds ?? []).map(bindOf), ...(HostConfig?.Mounts ?? []).map(mountOf)];
  const tmpfs = Object.entries(HostConfig?.Tmpfs ?? {}).map(([target, options]) => tmpfsOf(target, options)); // Docker lets one lie over one of `Mounts`
  const twice = mounts.slice(0, HostConfig?.Binds?.length ?? 0).find(({ target }) => HostConfig?.Tmpfs?.[target] !== undefined);
  if (twice !== undefined) throw new BayplanError('bad-request', `Duplicate mount point: ${twice.target}`);
  const taken = new Set<string>();
  for (const { target } of mounts) {
    const place = normalize(target).replace(/(.)\/$/, '$1');
    if (taken.has(place)) throw new BayplanError('bad-request', `Duplicate mount point: ${place}`);
    taken.add(place);
  }
  for (const { target } of tmpfs) taken.add(target);
  return [...mounts, ...tmpfs, ...Object.keys(Volumes ?? {}).filter((target) => !taken.has(target)).map((target) => volume(null, target, {}))];
}

/** Named volumes of `Mounts` that say how they are to be made, where they are not there yet. */
export function volumesAsked({ HostConfig }: DockerConfig): ReadonlyMap<string, Pick<VolumeSpec, 'driverOpts' | 'labels'>> {
  return new Map((HostConfig?.Mounts ?? []).flatMap(({ Type, Source, VolumeOptions }) => (
    Type === 'volume' && Source && VolumeOptions ? [[Source, { driverOpts: VolumeOptions.DriverConfig?.Options ?? {}, labels: VolumeOptions.Labels ?? {} }] as const] : [])));
}

/** `SOURCE:TARGET[:OPTIONS]`, where a source that is no absolute path is a volume's name. */
function bindOf(text: string): Mount {
  const [source = '', target = '', mode = '', ...more] = text.split(':');
  if (!target.startsWith('/') || source === '' || more.length > 0) throw new BayplanError('bad-request', `HostConfig.Binds: "${text}": expected SOURCE:TARGET[:OPTIONS] with an absolute target`);
  const options = mode === '' ? [] : mode.split(',');
  const kinds = options.map((option) => MODES.findIndex((kind) => kind.test(option)));
  if (kinds.includes(-1) || new Set(kinds).size < kinds.length) throw new BayplanError('bad-request', `invalid mode: ${mode}`);
  const readOnly = options.includes('ro');
  const propagation = options.find((option) => PROPAGATION.test(option)) ?? '';
  const named = !source.startsWith('/');
  if (named ? propagation !== '' : options.includes('nocopy')) throw new BayplanError('bad-request', `invalid volume specification: '${text}': invalid mount config for type "${named ? 'volume' : 'bind'}": field ${named ? 'BindOptions' : 'VolumeOptions'} must not be specified`);
  if (named) return volume(source, target, { readOnly, nocopy: options.includes('nocopy') });
  return { type: 'bind', source, target, readOnly, createHostPath: true, propagation, recursive: 'enabled' };
}

function mountOf(asked: DockerMount): Mount {
  const { Type, Source, Target, ReadOnly, BindOptions, VolumeOptions, TmpfsOptions, ImageOptions } = asked;
  const wrong = mistakeOf(asked);
  if (wrong !== null) throw new BayplanError('bad-request', `invalid mount config for type "${Type}": ${wrong}`);
  const readOnly = ReadOnly ?? false;
  switch (Type) {
    case 'bind': return { type: 'bind', source: Source ?? '', target: Target, readOnly, createHostPath: BindOptions?.CreateMountpoint ?? false, propagation: BindOptions?.Propagation ?? '', recursive: recursiveOf(BindOptions) };
    case 'volume': return volume(Source === '' ? null : Source ?? null, Target, { readOnly, nocopy: VolumeOptions?.NoCopy ?? false, subpath: VolumeOptions?.Subpath ?? '' });
    case 'image': return { type: 'image', source: Source ?? '', target: Target, subpath: ImageOptions?.Subpath ?? '' };
    case 'tmpfs': return { type: 'tmpfs', target: Target, size: TmpfsOptions?.SizeBytes ?? null, mode: TmpfsOptions?.Mode ?? null, options: [...(readOnly ? ['ro'] : []), ...checkedOptions((TmpfsOptions?.Options ?? []).map((option) => option.join('=')))] };
    default: throw new BayplanError('bad-request', `invalid mount config for type "${Type}": mount type unknown`);
  }
}

/** Of which kind of mount the options are. */
const OPTIONS = { BindOptions: 'bind', VolumeOptions: 'volume', TmpfsOptions: 'tmpfs', ImageOptions: 'image' } as const;

function mistakeOf(asked: DockerMount): string | null {
  const { Type, Source, Target, BindOptions, VolumeOptions } = asked;
  const subpath = VolumeOptions?.Subpath ?? '';
  const relative = (path: string): string => `invalid mount path: '${path}' mount path must be absolute`;
  if (Target === '') return 'field Target must not be empty';
  if (!Target.startsWith('/')) return relative(Target);
  for (const field of ['BindOptions', 'VolumeOptions', 'TmpfsOptions', 'ImageOptions'] as const) if (asked[field] && OPTIONS[field] !== Type) return `field ${field} must not be specified`;
  switch (Type) {
    case 'bind':
      if (!Source) return 'field Source must not be empty';
      if (!Source.startsWith('/')) return relative(Source);
      return BindOptions?.Propagation && !PROPAGATION.test(BindOptions.Propagation) ? `invalid propagation mode: ${BindOptions.Propagation}` : null;
    case 'volume':
      if (subpath !== '' && !Source) return 'must not set Subpath when using anonymous volumes';
      if (subpath.startsWith('/') || normalize(subpath).startsWith('..')) return 'subpath must be a relative path within the volume';
      return !Source && Object.keys(VolumeOptions?.DriverConfig?.Options ?? {}).length > 0 ? 'a volume with options needs a name: give it one by Source' : null;
    case 'tmpfs': return Source ? 'field Source must not be specified' : null;
    default: return null;
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
  if (!target.startsWith('/')) throw new BayplanError('bad-request', `invalid mount config for type "tmpfs": invalid mount path: '${target}' mount path must be absolute`);
  if (normalize(target) === '/') throw new BayplanError('bad-request', `invalid mount config for type "tmpfs": invalid specification: destination can't be '/'`);
  return { type: 'tmpfs', target, size: null, mode: null, options: checkedOptions(options.split(',').filter((option) => option !== '')) };
}

function checkedOptions(options: readonly string[]): string[] {
  for (const option of options) {
    const problem = tmpfsOptionProblem(option);
    if (problem !== null) throw new BayplanError('bad-request', `invalid tmpfs option ${JSON.stringify(option)}: ${problem}`);
  }
  return [...options];
}

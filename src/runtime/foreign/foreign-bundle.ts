import { BayplanError } from '../../state/bayplan-error.ts';
import type { OciConfig, OciMount, OciProcess } from '../container/oci.ts';

/** A user as numbers, found in a root's own files. */
export interface FoundIdentity { readonly uid: number; readonly gid: number; readonly gids: readonly number[]; readonly home: string }

/** What was prepared on the host for what only our own core does itself. */
export interface Prepared {
  readonly identity: FoundIdentity;
  /** By target, where the content or the part of a volume is by now. */
  readonly staged: ReadonlyMap<string, string>;
  /** Program that can be the first process of a container that wants an init. */
  readonly core: string;
}

const INIT = '/dev/init';
/** What our core alone understands of annotations, and of a mount's options. */
const OWN_ANNOTATIONS = /^io\.bayplan\.(overlay|user|groups|init|seccomp)/;
/** What other runtimes know: crun 1.8 refuses all but 1.0. */
const VERSION = '1.0.2';
const OWN_OPTIONS = /^(create$|subpath=|of=|uid=|gid=|mode=)/;

/** Whether something of a mount is prepared on the host for a runtime that is not ours. */
export function needsStaging({ type, options }: OciMount): boolean {
  return type === 'content' || options.some((option) => option.startsWith('subpath='));
}

/** A bundle in the specification's words alone. Throws BayplanError `not-built` for what only our own core can do. */
export function foreignBundle(config: OciConfig, prepared: Prepared): OciConfig {
  if ('uidMappings' in config.linux || config.mounts.some(({ options }) => options.some((option) => option.startsWith('idmap')))) {
    throw new BayplanError('not-built', 'users of its own are for containers of the engine\'s own runtime: leave userns or runtime out');
  }
  const wantsInit = config.annotations['io.bayplan.init'] === 'true';
  const process = foreignProcess(config.process, prepared.identity);
  const own = config.mounts.map((mount) => foreignMount(mount, prepared.staged));
  return {
    ...config,
    ociVersion: VERSION,
    process: wantsInit ? { ...process, args: [INIT, 'init', '--', ...process.args] } : process,
    mounts: wantsInit ? [...own, { destination: INIT, type: 'bind', source: prepared.core, options: ['bind', 'ro', 'rprivate', 'nosuid', 'nodev'] }] : own,
    annotations: Object.fromEntries(Object.entries(config.annotations).filter(([name]) => !OWN_ANNOTATIONS.test(name))),
  };
}

export function foreignProcess({ annotations: _names, ...process }: OciProcess, { uid, gid, gids, home }: FoundIdentity): OciProcess {
  const env = process.env.some((variable) => variable.startsWith('HOME=')) ? process.env : [...process.env, `HOME=${home}`];
  return { ...process, user: { uid, gid, ...(gids.length === 0 ? {} : { additionalGids: gids }) }, env };
}

function foreignMount({ destination, type, source, options }: OciMount, staged: ReadonlyMap<string, string>): OciMount {
  const from = options.find((option) => option.startsWith('of='))?.slice('of='.length);
  const place = staged.get(destination) ?? (from === undefined ? source : `/proc/${from}/root${source}`);
  if (type === 'content') return { destination, type: 'bind', source: place, options: ['bind', 'ro', 'rprivate', 'nosuid', 'nodev', 'noexec'] };
  return { destination, type, source: place, options: type === 'bind' ? options.filter((option) => !OWN_OPTIONS.test(option)) : options };
}

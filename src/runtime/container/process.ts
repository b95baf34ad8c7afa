import { BayplanError } from '../../state/bayplan-error.ts';
import { containerArguments } from '../../state/container-arguments.ts';
import type { ContainerSpec } from '../../state/container.ts';
import type { ImageStatus } from '../../state/image.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { ConsoleSize, ExecRequest } from './containers.ts';
import type { OciCapabilities, OciProcess } from './oci.ts';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What the container's first process runs, by Docker's rules: an entrypoint of the spec's own drops the image's command. Throws BayplanError
 * `bad-request` where nothing is left to run.
 */
export function argumentsOf(spec: ContainerSpec, image: ImageStatus): readonly string[] {
  const args = containerArguments(spec, image.config);
  if (args.length === 0 || args[0] === '') {
    throw new BayplanError('bad-request', `image ${spec.image} names no command to run: set command or entrypoint`);
  }
  return args;
}

/**
 * The environment, sorted by nothing: PATH where nobody sets it, HOSTNAME, the image's, then the spec's; later ones win in place. HOME is not here:
 * the core takes it from the container's own /etc/passwd where it is absent.
 */
export function environmentOf(spec: ContainerSpec, image: ImageStatus, hostname: string): readonly string[] {
  const variables = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  if (hostname !== '') variables.set('HOSTNAME', hostname);
  if (spec.tty) variables.set('TERM', 'xterm');
  for (const entry of image.config.environment) set(variables, entry);
  for (const [name, value] of Object.entries(spec.environment)) {
    if (value === null) variables.delete(name);
    else variables.set(name, value);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

function set(variables: Map<string, string>, entry: string): void {
  const at = entry.indexOf('=');
  if (at > 0) variables.set(entry.slice(0, at), entry.slice(at + 1));
}

/** `user[:group]` and additional groups by name are the core's to look up, in the container's own files: it gets them by annotation. */
export function userAnnotations(spec: ContainerSpec, image: ImageStatus, user = ''): Readonly<Record<string, string>> {
  const groups = spec.groupAdd.join(',');
  return {
    'io.bayplan.user': user || spec.user || image.config.user || '0',
    ...(groups === '' ? {} : { 'io.bayplan.groups': groups }),
  };
}

/** The three sets that Docker gives. Inheritable and ambient stay empty: a process of another user gains nothing by execve. */
export function capabilitySets(spec: ContainerSpec): OciCapabilities {
  const names = capabilitiesOf(spec);
  return { bounding: names, effective: names, permitted: names };
}

export function workingDirOf(spec: ContainerSpec, image: ImageStatus, asked = ''): string {
  const folder = asked || spec.workingDir || image.config.workingDir || '/';
  return folder.startsWith('/') ? folder : `/${folder}`;
}

/** What the engine knows of a first process beside its spec. */
export interface ProcessSetting {
  /** Of its terminal. */
  readonly size?: ConsoleSize | null | undefined;
  /** Least oom_score_adj that this engine may give. */
  readonly oomScoreFloor?: number | undefined;
  /** AppArmor profile of containers that name none; empty: none. */
  readonly apparmor?: string | undefined;
}

/** OCI process of the container's first process (config.md, "Process"). */
export function initProcess(spec: ContainerSpec, image: ImageStatus, hostname: string, { size = null, oomScoreFloor = -1000, apparmor = '' }: ProcessSetting = {}): OciProcess {
  return {
    ...terminalOf(spec.tty, size),
    user: { uid: 0, gid: 0 },
    args: argumentsOf(spec, image),
    env: environmentOf(spec, image, hostname),
    cwd: workingDirOf(spec, image),
    capabilities: capabilitySets(spec),
    ...confinementOf(spec, apparmor),
    oomScoreAdj: Math.max(spec.oomScoreAdj, oomScoreFloor),
    ...rlimitsOf(spec),
  };
}

/** What holds whatever runs in the container, beside its capabilities and its filter. */
function confinementOf({ security, privileged }: ContainerSpec, byDefault: string): Pick<OciProcess, 'noNewPrivileges' | 'apparmorProfile'> {
  const profile = privileged ? 'unconfined' : security.apparmor === '' ? byDefault : security.apparmor;
  return { ...(security.noNewPrivileges ? { noNewPrivileges: true } : {}), ...(profile !== '' && profile !== 'unconfined' ? { apparmorProfile: profile } : {}) };
}

function rlimitsOf({ ulimits }: ContainerSpec): Pick<OciProcess, 'rlimits'> {
  const limits = Object.entries(ulimits);
  return limits.length === 0 ? {} : { rlimits: limits.map(([name, { soft, hard }]) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard })) };
}

function terminalOf(tty: boolean, size: ConsoleSize | null): Pick<OciProcess, 'terminal' | 'consoleSize'> {
  if (!tty) return {};
  return size === null ? { terminal: true } : { terminal: true, consoleSize: size };
}

/** What `bayplan-core enter --process FILE` reads: a process beside the first one, in the container's environment and more. */
export function execProcess(spec: ContainerSpec, image: ImageStatus, request: ExecRequest, hostname: string = spec.hostname, apparmor = ''): OciProcess {
  if (request.command.length === 0) throw new BayplanError('bad-request', 'exec: no command given');
  const variables = new Map<string, string>();
  for (const entry of environmentOf({ ...spec, tty: request.tty }, image, hostname)) set(variables, entry);
  for (const entry of request.environment) set(variables, entry);
  return {
    ...terminalOf(request.tty, request.consoleSize ?? null),
    user: { uid: 0, gid: 0 },
    args: request.command,
    env: [...variables].map(([name, value]) => `${name}=${value}`),
    cwd: workingDirOf(spec, image, request.workingDir),
    capabilities: capabilitySets(request.privileged === true ? { ...spec, privileged: true } : spec),
    ...confinementOf(spec, apparmor),
    oomScoreAdj: 0,
    ...rlimitsOf(spec),
    annotations: userAnnotations(spec, image, request.user),
  };
}

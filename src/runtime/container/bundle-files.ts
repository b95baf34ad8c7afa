import type { Paths } from '../../state/paths.ts';

/** Where one container's files are. `state` survives the boot, `bundle` does not. */
export interface ContainerFiles {
  readonly state: string;
  readonly record: string;
  /** The record as it is to be, until it is on disk for sure. */
  readonly fresh: string;
  readonly upper: string;
  readonly work: string;
  /** What is prepared of its mounts for a runtime that is not ours: a file system in memory. */
  readonly staged: string;
  /** Where the root is mounted in the host's mount namespace, if it is. */
  readonly root: string;
  readonly log: string;
  readonly exit: string;
  /** There where a person stopped it. */
  readonly held: string;
  /** There where it was stopped to be started again, until it is. */
  readonly interrupted: string;
  /** There where its removal was begun. */
  readonly removing: string;
  readonly bundle: string;
  readonly config: string;
  readonly pid: string;
  readonly lock: string;
  readonly socket: string;
  /** The exit file where `exit` could not be written. */
  readonly spareExit: string;
  readonly ports: string;
  /** What its responder serves now, where that has changed since its start. */
  readonly dns: string;
  /** There while its networks are being changed. */
  readonly changing: string;
  /** There while the engine has it frozen for work of its own: the next one lets it go on. */
  readonly borrowed: string;
  readonly restarts: string;
  /** What its health check has come to, as it changed last. */
  readonly health: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  /** cgroup below each hierarchy's root. */
  readonly cgroup: string;
}

/** The bundle's folder is named by 16 digits of the id: unix socket paths end at 107 bytes. Not by `join`, which would go through the same whole paths again for each of the names. */
export function filesOf(paths: Paths, id: string, cgroupParent = ''): ContainerFiles {
  const state = `${paths.containers}/${id}`;
  const short = id.slice(0, 16);
  const bundle = `${paths.bundles}/${short}`;
  return {
    state, record: `${state}/container.json`, fresh: `${state}/container.json.new`, upper: `${state}/upper`, work: `${state}/work`, root: `${bundle}/rootfs`, staged: `${bundle}/mounts`,
    log: `${state}/log`, exit: `${state}/exit`, held: `${state}/held`, interrupted: `${state}/interrupted`, removing: `${state}/removing`,
    bundle, config: `${bundle}/config.json`, pid: `${bundle}/pid`, lock: `${bundle}/lock`,
    socket: `${bundle}/shim.sock`, spareExit: `${bundle}/exit`, ports: `${bundle}/ports.json`, restarts: `${bundle}/restarts`, health: `${bundle}/health.json`, dns: `${bundle}/dns`, changing: `${bundle}/changing`, borrowed: `${bundle}/borrowed`,
    hosts: `${bundle}/hosts`, hostname: `${bundle}/hostname`, resolvConf: `${bundle}/resolv.conf`,
    cgroup: `${cgroupParent === '' ? `/${paths.cgroup}` : cgroupParent}/${short}`,
  };
}

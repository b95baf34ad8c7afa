import { join } from 'node:path';

export const DEFAULT_ROOT = '/var/lib/bayplan';

/**
 * Every file and every kernel name of one engine, derived from its root folder, so that two engines with different roots
 * share none. The default root has the plain names.
 */
export interface Paths {
  readonly root: string;
  /** '' for the default root, else 8 hex digits. */
  readonly instance: string;
  /** What dies with the boot: `/run/bayplan` or `/run/bayplan-<instance>`. Short: unix socket paths end at 107 bytes. */
  readonly run: string;
  readonly socket: string;
  readonly lock: string;
  /** OCI image layout. */
  readonly images: string;
  /** Unpacked layers, one folder a chain ID, named by its first 32 hex digits. */
  readonly layers: string;
  readonly containers: string;
  readonly networks: string;
  readonly volumes: string;
  readonly stacks: string;
  /** Network namespaces, bind mounted, one file a container (its id's first 16 digits). */
  readonly netns: string;
  /** Bundles of containers, one folder each, named by the id's first 16 digits. */
  readonly bundles: string;
  /** Zone files, one a network. */
  readonly zones: string;
  /** nftables table in family inet. */
  readonly table: string;
  /** Name prefix of bridges and host-side veths: `bp-` or `bpxxxx-`; 8 characters may follow. */
  readonly linkPrefix: string;
  /** cgroup below each hierarchy's root that is parent of all of the engine's: `bayplan` or `bayplan-<instance>`. */
  readonly cgroup: string;
}

/** `root` must be absolute and normalised. */
export function pathsOf(root: string = DEFAULT_ROOT): Paths {
  const instance = root === DEFAULT_ROOT ? '' : digest(root).slice(0, 8);
  const name = instance === '' ? 'bayplan' : `bayplan-${instance}`;
  const run = `/run/${name}`;
  return {
    root, instance, run,
    socket: join(run, 'engine.sock'), lock: join(run, 'engine.lock'),
    images: join(root, 'images'), layers: join(root, 'layers'), containers: join(root, 'containers'),
    networks: join(root, 'networks'), volumes: join(root, 'volumes'), stacks: join(root, 'stacks'),
    netns: join(run, 'netns'), bundles: join(run, 'c'), zones: join(run, 'zones'),
    table: name, linkPrefix: instance === '' ? 'bp-' : `bp${instance.slice(0, 4)}-`, cgroup: name,
  };
}

/** The default root needs no digest, and loading crypto would cost every command its time. */
function digest(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
}

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
  /** The engine's configuration, written by people: `/etc/bayplan/config.json` for the default root, else in the root folder. */
  readonly config: string;
  /** OCI image layout. */
  readonly images: string;
  /** Unpacked layers, one folder a chain ID, named by its first 32 hex digits. */
  readonly layers: string;
  readonly containers: string;
  readonly networks: string;
  readonly volumes: string;
  readonly stacks: string;
  /** Bytes of configs and secrets, named by digest. */
  readonly contents: string;
  /** Network namespaces, bind mounted, one file a container (its id's first 16 digits). */
  readonly netns: string;
  /** User namespaces of containers, likewise. */
  readonly userns: string;
  /** Bundles of containers, one folder each, named by the id's first 16 digits. */
  readonly bundles: string;
  /** Zone files, one a network. */
  readonly zones: string;
  /** Sockets of the programs that carry ports on, one each. */
  readonly carriers: string;
  /** nftables table in family inet. */
  readonly table: string;
  /** Name prefix of bridges and host-side veths: `bp-` or `bpxxxx-`; 8 characters may follow. */
  readonly linkPrefix: string;
  /** cgroup below each hierarchy's root that is parent of all of the engine's: `bayplan` or `bayplan-<instance>`. */
  readonly cgroup: string;
}

/** What of them follows from the instance alone. */
export type InstancePaths = Pick<Paths, 'instance' | 'run' | 'lock' | 'bundles' | 'carriers' | 'table' | 'linkPrefix' | 'cgroup'>;

/** `root` must be absolute and normalised. */
export function pathsOf(root: string = DEFAULT_ROOT): Paths {
  const own = instancePaths(root === DEFAULT_ROOT ? '' : digest(root));
  const { instance, run } = own;
  return {
    ...own, root,
    socket: join(run, 'engine.sock'), config: instance === '' ? '/etc/bayplan/config.json' : join(root, 'config.json'),
    images: join(root, 'images'), layers: join(root, 'layers'), containers: join(root, 'containers'),
    networks: join(root, 'networks'), volumes: join(root, 'volumes'), stacks: join(root, 'stacks'), contents: join(root, 'contents'),
    netns: join(run, 'netns'), userns: join(run, 'userns'), zones: join(run, 'zones'),
  };
}

export function instancePaths(instance: string): InstancePaths {
  const name = instance === '' ? 'bayplan' : `bayplan-${instance}`;
  const run = `/run/${name}`;
  return {
    instance, run, lock: join(run, 'engine.lock'), bundles: join(run, 'c'), carriers: join(run, 'carriers'),
    table: name, linkPrefix: instance === '' ? 'bp-' : `bp${instance.slice(0, 4)}-`, cgroup: name,
  };
}

/** FNV-1a of 32 bits with MurmurHash3's last mix, as 8 hex digits: nobody attacks it, and loading Node's crypto would cost every command 4 ms. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, '0');
}

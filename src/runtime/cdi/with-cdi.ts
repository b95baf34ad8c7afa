import type { OciConfig, OciDevice, OciDeviceRule, OciHook, OciMount } from '../container/oci.ts';
import type { CdiEdits, CdiNode } from './cdi-spec.ts';

/** A device node as it is in a container, found on the host where the file leaves something open. Null for what is none: a FIFO. */
export type FindNode = (node: CdiNode) => OciDevice;

/**
 * A container's configuration with what its CDI devices bring (SPEC.md, "OCI Edits"): variables, device nodes with the right to use them, mounts, hooks, groups. What was at the same
 * place gives way. Pure.
 */
export function withCdi(config: OciConfig, all: readonly CdiEdits[], findNode: FindNode): OciConfig {
  if (all.length === 0) return config;
  const nodes = all.flatMap(({ deviceNodes = [] }) => deviceNodes);
  const devices = new Map((config.linux.devices ?? []).map((device) => [device.path, device]));
  const rules: OciDeviceRule[] = [];
  for (const node of nodes) {
    const device = owned(findNode(node), node, config);
    devices.delete(device.path);
    devices.set(device.path, device);
    if (device.type !== 'p') rules.push({ allow: true, type: device.type === 'b' ? 'b' : 'c', major: device.major, minor: device.minor, access: accessOf(node) });
  }
  return {
    ...config,
    process: { ...config.process, env: withVariables(config.process.env, all.flatMap(({ env = [] }) => env)) },
    mounts: withMounts(config, all),
    annotations: withGroups(config.annotations, all.flatMap(({ additionalGids = [] }) => additionalGids)),
    ...withHooks(config, all),
    linux: { ...config.linux, ...(devices.size === 0 ? {} : { devices: [...devices.values()] }), resources: { ...config.linux.resources, devices: [...config.linux.resources.devices, ...rules] } },
  };
}

/** Whom the file leaves open is the container's user, where that is a number here. */
function owned(device: OciDevice, node: CdiNode, { annotations }: OciConfig): OciDevice {
  const [, uid = '0', gid = '0'] = /^(\d+)(?::(\d+))?$/.exec(annotations['io.bayplan.user'] ?? '') ?? [];
  return { ...device, uid: node.uid ?? Number(uid), gid: node.gid ?? Number(gid) };
}

function accessOf({ permissions = '' }: CdiNode): string {
  return permissions === '' ? 'rwm' : permissions === 'none' ? '' : permissions;
}

function withVariables(env: readonly string[], added: readonly string[]): readonly string[] {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='));
  const all = new Map(env.map((entry) => [nameOf(entry), entry]));
  for (const entry of added) all.set(nameOf(entry), entry);
  return [...all.values()];
}

/** In the order of their depth, so that none hides another one. */
function withMounts({ mounts, linux }: OciConfig, all: readonly CdiEdits[]): readonly OciMount[] {
  const users = linux.uidMappings === undefined ? [] : ['users'];
  const added = all.flatMap((edits) => edits.mounts ?? []).map(({ hostPath, containerPath, type = '', options = [] }): OciMount => {
    const bind = options.some((option) => option === 'bind' || option === 'rbind');
    return { destination: containerPath, source: hostPath, type: bind ? 'bind' : type === '' ? 'none' : type, options: bind ? [...options, ...users] : options };
  });
  if (added.length === 0) return mounts;
  const places = new Map(mounts.map((mount) => [placeOf(mount), mount]));
  for (const mount of added) {
    places.delete(placeOf(mount));
    places.set(placeOf(mount), mount);
  }
  const depth = (place: string): number => place.split('/').length;
  return [...places].sort(([a], [b]) => depth(a) - depth(b)).map(([, mount]) => mount);
}

function placeOf({ destination }: OciMount): string {
  return destination.replace(/\/+$/, '').replace(/\/{2,}/g, '/');
}

/** Groups are the core's to give, by annotation. */
function withGroups(annotations: OciConfig['annotations'], gids: readonly number[]): OciConfig['annotations'] {
  const known = annotations['io.bayplan.groups'];
  const groups = [...new Set([...(known === undefined ? [] : known.split(',')), ...gids.filter((gid) => gid !== 0).map(String)])];
  return groups.length === 0 ? annotations : { ...annotations, 'io.bayplan.groups': groups.join(',') };
}

function withHooks({ hooks: known = {} }: OciConfig, all: readonly CdiEdits[]): Pick<OciConfig, 'hooks'> {
  const added = all.flatMap(({ hooks = [] }) => hooks);
  if (added.length === 0) return {};
  const hooks: Record<string, readonly OciHook[]> = { ...known };
  for (const { hookName, ...hook } of added) hooks[hookName] = [...(hooks[hookName] ?? []), hook];
  return { hooks };
}

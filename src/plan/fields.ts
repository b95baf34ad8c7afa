import type { Device } from '../state/confinement.ts';
import type { Attachment, ContainerSpec, Grant, Mount, PublishedPort } from '../state/container.ts';
import type { Hook, PreStart } from '../state/hook.ts';
import type { DeviceRate, Resources } from '../state/resources.ts';
import type { Change } from './compare.ts';
import { portText } from './port-text.ts';

/** What a container needs to take a new value over: a change while it runs, or to be made anew. */
export type Effect = 'in-place' | 'recreate';

/** How a field of a container's spec is compared, and what a difference in it brings about. */
export interface Field<V> {
  /** A function where parts of the field differ in this. */
  readonly effect: Effect | ((change: Change) => Effect);
  /** The value in a form whose differences matter: sets sorted, lists by their key. */
  readonly form?: (value: V) => unknown;
  /** Its values may be secret and are never printed. A function where parts of the field differ in this. */
  readonly hidden?: true | ((change: Change) => boolean);
}

const whole: Field<unknown> = { effect: 'recreate' };
const inPlace: Field<unknown> = { effect: 'in-place' };
const set: Field<readonly string[]> = { effect: 'recreate', form: (values) => [...values].sort() };

/** Values of a hook's variables may be secret. */
const hooks: Field<readonly (Hook | PreStart)[]> = { effect: 'recreate', form: hookLines, hidden: ({ field }) => field.includes('].environment') };

/** Every field has a line here: a new one does not compile until it is said what a change of it means. */
export const FIELDS: { readonly [F in keyof ContainerSpec]: Field<ContainerSpec[F]> } = {
  image: whole,
  imageId: whole,
  entrypoint: whole,
  command: whole,
  environment: { effect: 'recreate', hidden: true },
  user: whole,
  groupAdd: set,
  workingDir: whole,
  hostname: whole,
  domainname: whole,
  labels: { effect: 'in-place', form: ownLabels },
  stopSignal: inPlace,
  stopGracePeriodMs: inPlace,
  restart: inPlace,
  healthcheck: inPlace,
  capAdd: set,
  capDrop: set,
  readOnly: whole,
  init: whole,
  tty: whole,
  stdinOpen: whole,
  stdinOnce: whole,
  autoRemove: whole,
  resources: { effect: 'in-place', form: byDevice },
  oomScoreAdj: whole,
  ulimits: whole,
  sysctls: whole,
  shmSize: whole,
  deviceCgroupRules: set,
  devices: { effect: 'recreate', form: devicesByTarget },
  deviceRequests: whole,
  privileged: whole,
  security: whole,
  namespaces: whole,
  clockOffsets: whole,
  cgroupParent: whole,
  annotations: whole,
  runtime: whole,
  logging: whole,
  preStart: hooks,
  postStart: hooks,
  preStop: hooks,
  mounts: { effect: 'recreate', form: byTarget },
  volumesFrom: whole,
  contents: { effect: ({ field }) => (field.includes('].onChange') ? 'in-place' : 'recreate'), form: grantsByTarget },
  exposed: { effect: 'in-place', form: (values) => [...values].sort() }, // nothing but the record knows of it
  networkMode: whole,
  networks: { effect: attachmentEffect, form: withAliasSets },
  extraHosts: set,
  dns: whole,
  links: whole,
  ports: { effect: 'in-place', form: byPort },
};

/** Being on a network, by which names, and which one leads out is no matter of the link: all else is what the link was made with. */
function attachmentEffect({ field, before, after }: Change): Effect {
  return before === undefined || after === undefined || /\]\.(aliases|priority|gatewayPriority)$/.test(field) ? 'in-place' : 'recreate';
}

/**
 * Labels less docker compose's own: those say for other programs what other fields say already, or where the file lay, and a
 * container need not be made anew when the stack's folder has moved.
 */
export function ownLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith('com.docker.compose.')));
}

/** Rates of a disk by the disk's path. */
function byDevice({ blockIo, ...others }: Resources): unknown {
  const rates = (list: readonly DeviceRate[]): unknown => Object.fromEntries(list.map(({ path, rate }) => [`[${path}]`, rate]));
  return {
    ...others,
    blockIo: {
      weight: blockIo.weight, weightDevices: Object.fromEntries(blockIo.weightDevices.map(({ path, weight }) => [`[${path}]`, weight])),
      readBps: rates(blockIo.readBps), writeBps: rates(blockIo.writeBps), readIops: rates(blockIo.readIops), writeIops: rates(blockIo.writeIops),
    },
  };
}

function hookLines(lines: readonly (Hook | PreStart)[]): unknown {
  return Object.fromEntries(lines.map(({ environment, ...hook }, index) => {
    const variables = environment.map((entry): [string, string] => { const [name = ''] = entry.split('=', 1); return [name, entry.slice(name.length + 1)]; });
    return [`[${index}]`, { ...hook, environment: Object.fromEntries(variables) }];
  }));
}

function devicesByTarget(devices: readonly Device[]): unknown {
  return Object.fromEntries(devices.map(({ source, target, permissions }) => [`[${target}]`, `${source} ${permissions}`]));
}

/** Those it shares are no part of what was asked for: `volumesFrom` says whose they are. */
function byTarget(mounts: readonly Mount[]): unknown {
  return Object.fromEntries(mounts.filter((mount) => !('shared' in mount)).map((mount) => [`[${mount.target}]`, mount.type === 'tmpfs' ? { ...mount, mode: modeText(mount.mode) } : mount]));
}

/** Where each is, and not what it holds: a digest says nothing to anybody. */
function grantsByTarget(grants: readonly Grant[]): unknown {
  return Object.fromEntries(grants.map(({ name, target, uid, gid, mode, onChange }) => [`[${target}]`, { name, uid, gid, mode: modeText(mode), onChange }]));
}

/** As people write it. */
function modeText(mode: number | null): string | null {
  return mode === null ? null : mode.toString(8).padStart(4, '0');
}

function withAliasSets(networks: Readonly<Record<string, Attachment>>): unknown {
  return Object.fromEntries(Object.entries(networks).map(([name, one]) => [`[${name}]`, { ...one, aliases: [...one.aliases].sort() }]));
}

function byPort(ports: readonly PublishedPort[]): unknown {
  return Object.fromEntries(ports.map((port) => [`[${portText(port)}]`, port.allow.length === 0 ? 'published' : `published for ${[...port.allow].sort().join(', ')}`]));
}

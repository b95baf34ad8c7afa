import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';
import type { IpamPool, Network } from '../state/network.ts';
import type { Desired, State } from '../state/state.ts';
import type { Volume } from '../state/volume.ts';
import { shownOptions } from '../state/volume-options.ts';
import { volumesUsedBy } from '../state/volume-users.ts';
import { type Change, changeText, compare } from './compare.ts';
import { byKey } from './expand.ts';
import { ownLabels } from './fields.ts';

/** What becomes of the stack's networks and volumes: by full name, why. */
export interface ResourceFates {
  /** To be made; for networks also those whose bridge is missing. */
  readonly create: ReadonlyMap<string, string>;
  readonly remove: ReadonlyMap<string, string>;
  /** To be labelled anew, in place. */
  readonly label: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/**
 * Networks: the missing are made; labels change in place; a network that is changed otherwise is removed and made again (it is in both maps), and so are its containers; those the stack
 * no longer names go if `remove.orphans`. Throws BayplanError `not-found` for a missing external one, `conflict` where a network of that name is not the stack's.
 */
export function networkFates(desired: Desired, actual: State): ResourceFates {
  const create = new Map<string, string>();
  const remove = new Map<string, string>();
  const label = new Map<string, string>();
  const notes: string[] = [];
  for (const [name, wanted] of Object.entries(desired.networks).sort(byKey)) {
    const found = existing(actual.networks[name]);
    if (wanted.spec.external) {
      if (found === null) throw new BayplanError('not-found', `network ${name} is declared external, and there is none: make it first, or remove "external"`);
      if (found.status?.present === false) create.set(name, `the bridge of ${name} is missing`); // after a restart of the machine
      continue;
    }
    if (found === null) create.set(name, 'there is no such network');
    else if (found.stack !== wanted.stack) {
      throw new BayplanError('conflict', `network ${name} exists and does not belong to stack ${desired.stack}: mark it "external", or give yours another "name"`);
    } else {
      const changes = compare('', networkForm(found), networkForm(wanted));
      const why = `network ${name}: ${changes.map(changeText).join('; ')}`;
      if (changes.length > 0 && changes.every(isLabel)) label.set(name, `in place: ${changes.map(changeText).join('; ')}`);
      else if (changes.length > 0) {
        const other = users(actual, name, networksOf).find(([, container]) => container.identity.stack !== desired.stack || container.identity.owner === 'api');
        if (other !== undefined) throw new BayplanError('conflict', `${why}; it has to be made again, but container ${other[0]}, which is not of stack ${desired.stack}, uses it: remove that first`);
        const staying = users(actual, name, networksOf).find(([, container]) => isInactive(container, desired));
        if (staying !== undefined) {
          throw new BayplanError('conflict', `${why}; it has to be made again, but container ${staying[0]} of service ${staying[1].identity.service}, which is not selected, uses it: select that service too, or take the stack down first`);
        }
        remove.set(name, why);
        create.set(name, why);
      }
      if (!create.has(name) && found.status?.present === false) create.set(name, `the bridge of ${name} is missing`);
    }
  }
  for (const [name, network] of Object.entries(actual.networks).sort(byKey)) {
    if (desired.networks[name] !== undefined || network.stack !== desired.stack || desired.stack === '') continue;
    if (users(actual, name, networksOf).some(([, container]) => isInactive(container, desired))) continue;
    if (desired.remove.orphans) remove.set(name, isDown(desired) ? GOES_DOWN : `network ${name} ${UNUSED}`);
    else notes.push(`network ${name} ${UNUSED}: --remove-orphans removes it`);
  }
  return { create, remove, label, notes };
}

/**
 * Volumes: the missing are made; a changed one is only noted, since making it again would lose its data; those the stack does not name
 * go if `remove.volumes`. Throws BayplanError `not-found` for a missing external one.
 */
export function volumeFates(desired: Desired, actual: State): ResourceFates {
  const create = new Map<string, string>();
  const remove = new Map<string, string>();
  const label = new Map<string, string>();
  const notes: string[] = [];
  for (const [name, wanted] of Object.entries(desired.volumes).sort(byKey)) {
    const found = existing(actual.volumes[name]);
    if (wanted.spec.external) {
      if (found === null) throw new BayplanError('not-found', `volume ${name} is declared external, and there is none: make it first, or remove "external"`);
      continue;
    }
    if (found === null) {
      create.set(name, 'there is no such volume');
      continue;
    }
    if (found.stack !== wanted.stack) notes.push(`volume ${name} exists and does not belong to stack ${desired.stack}: it is used as it is; mark it "external" to say so`);
    const differing = compare('', volumeForm(found), volumeForm(wanted));
    const labels = differing.filter(isLabel);
    if (labels.length > 0 && found.stack === wanted.stack) label.set(name, `in place: ${labels.map(changeText).join('; ')}`);
    const changes = differing.filter((change) => !label.has(name) || !isLabel(change)).map(volumeChange);
    if (changes.length > 0) notes.push(`volume ${name} keeps what it was made with (${changes.join('; ')}): remove it to have it made anew${Object.keys(found.spec.driverOpts).length > 0 ? '' : ', which loses its data'}`);
  }
  for (const [name, volume] of Object.entries(actual.volumes).sort(byKey)) {
    if (desired.volumes[name] === undefined && volume.stack === desired.stack && desired.stack !== '' && desired.remove.volumes) remove.set(name, gone(desired, `volume ${name}`));
  }
  return { create, remove, label, notes };
}

/** A network is desired where a service needs it: it may be in the file all the same. */
const UNUSED = 'is used by no service that is asked for';
const GOES_DOWN = 'the stack goes down';

function isLabel({ field }: Change): boolean {
  return field.startsWith('labels');
}

/** Why something that the desired side does not name has to go. */
export function gone(desired: Desired, what: string): string {
  return isDown(desired) ? GOES_DOWN : `${what} is not in the file`;
}

function isDown({ services, inactive, remove }: Desired): boolean {
  return Object.keys(services).length === 0 && inactive.length === 0 && remove.orphans;
}

/** Whether a container is the stack's, of a service that is in the file and not asked for. */
export function isInactive({ identity }: Container, desired: Desired): boolean {
  return identity.owner !== 'api' && identity.stack === desired.stack && desired.inactive.includes(identity.service);
}

/** Containers that use a network or volume, by name. */
export function users(actual: State, name: string, of: (container: Container) => readonly string[]): readonly (readonly [string, Container])[] {
  return Object.entries(actual.containers).filter(([, container]) => of(container).includes(name)).sort(byKey);
}

export function networksOf({ spec }: Pick<Container, 'spec'>): readonly string[] {
  return spec.networkMode === 'bridge' ? Object.keys(spec.networks) : [];
}

/** Its anonymous ones too. */
export function volumesOf({ spec, status }: Pick<Container, 'spec' | 'status'>): readonly string[] {
  return volumesUsedBy(spec, status?.anonymousVolumes ?? {});
}

function existing<R extends Network | Volume>(resource: R | undefined): R | null {
  return resource === undefined || resource.status === null ? null : resource;
}

function networkForm({ spec: { driver, internal, ipv6, ipam, labels, options } }: Network): unknown {
  return { driver, internal, ipv6, ipam: Object.fromEntries(ipam.map((pool, index) => [`[${index}]`, poolText(pool)])), labels: ownLabels(labels), options };
}

function poolText({ subnet, gateway, ipRange, auxAddresses }: IpamPool): string {
  const reserved = Object.entries(auxAddresses).sort(byKey).map(([name, address]) => ` ${name} ${address}`);
  return `${subnet === '' ? 'any subnet' : subnet}${gateway === '' ? '' : ` gateway ${gateway}`}${ipRange === '' ? '' : ` range ${ipRange}`}${reserved.join('')}`;
}

/** Without the secrets that the options of a mount may hold; where nothing else differs, that one did. */
function volumeChange({ field, before, after }: Change): string {
  if (field !== 'driverOpts.o') return changeText({ field, before, after });
  const [was, becomes] = [before, after].map((value) => (typeof value === 'string' ? shownOptions(value) : value));
  return was === becomes ? `${field}: a secret in it changed` : changeText({ field, before: was, after: becomes });
}

function volumeForm({ spec: { driver, driverOpts, labels } }: Volume): unknown {
  return { driver, driverOpts, labels: ownLabels(labels) };
}

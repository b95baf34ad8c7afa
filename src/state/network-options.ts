import { BayplanError } from './bayplan-error.ts';
import type { NetworkSpec } from './network.ts';

/** What Docker's `driver_opts` ask of a network, read. */
export interface NetworkOptions {
  /** Bytes; 0: as the kernel likes. */
  readonly mtu: number;
  /** The bridge's name; '': one of the engine's. */
  readonly bridgeName: string;
  /** Whether packets leave the host under its own address. */
  readonly masquerade: boolean;
  /** Whether containers on it reach each other. */
  readonly icc: boolean;
  /** Address that ports are published on where they name none; '': all. */
  readonly hostBinding: string;
  /** macvlan and ipvlan: the host's link that they are on. */
  readonly parent: string;
  readonly mode: string;
  readonly flag: string;
}

const BRIDGE = 'com.docker.network.bridge.';
const MTU = 'com.docker.network.driver.mtu';
/** Such a name stands for a VLAN of another link. */
const VLAN = /^(?<master>.+)\.(?<digits>\d+)$/;
const HIGHEST_VLAN = 4094;
/** Linux's IFNAMSIZ, less its NUL. */
const LONGEST_LINK = 15;

/** Keys that mean something, by driver. */
export const KNOWN_OPTIONS: Readonly<Record<NetworkSpec['driver'], readonly string[]>> = {
  bridge: [MTU, ...['name', 'enable_ip_masquerade', 'enable_icc', 'host_binding_ipv4'].map((key) => `${BRIDGE}${key}`)],
  macvlan: [MTU, 'parent', 'macvlan_mode'],
  ipvlan: [MTU, 'parent', 'ipvlan_mode', 'ipvlan_flag'],
};

const MODES: Readonly<Record<string, readonly string[]>> = {
  macvlan_mode: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan_mode: ['l2', 'l3', 'l3s'],
  ipvlan_flag: ['bridge', 'private', 'vepa'],
};

/** A link's name read as a VLAN of another link, as `eth0.7`; null where it is none. `id`: null where its number cannot be one. */
export function vlanOf(link: string): { readonly master: string; readonly id: number | null } | null {
  const { master, digits } = VLAN.exec(link)?.groups ?? {};
  if (master === undefined) return null;
  const id = Number(digits);
  return { master, id: id < 1 || id > HIGHEST_VLAN ? null : id };
}

export const VLAN_EXPECTED = `a VLAN from 1 to ${HIGHEST_VLAN} behind the point`;

/** Reads a network's options. Throws BayplanError `bad-request` saying which is wrong and what was expected. */
export function networkOptions(name: string, { driver, options }: Pick<NetworkSpec, 'driver' | 'options'>): NetworkOptions {
  const wrong = (key: string, expected: string): never => {
    throw new BayplanError('bad-request', `network ${name}: option ${key}: expected ${expected}, got ${JSON.stringify(options[key] ?? '')}`);
  };
  const flag = (key: string): boolean => {
    const value = options[key] ?? 'true';
    return ['true', '1'].includes(value) || (['false', '0'].includes(value) ? false : wrong(key, 'true or false'));
  };
  const link = (key: string): string => {
    const value = options[key] ?? '';
    return value === '' || (/^[^\s/:"*]+$/.test(value) && value.length <= LONGEST_LINK) ? value : wrong(key, `a link's name of at most ${LONGEST_LINK} characters, without blanks and any of / : " *`);
  };
  const oneOf = (key: string): string => {
    const known = MODES[key] ?? [];
    const value = options[key] ?? known[0] ?? '';
    return known.includes(value) ? value : wrong(key, known.join(', '));
  };
  const mtu = Number(options[MTU] ?? 0);
  if (!Number.isInteger(mtu) || (mtu !== 0 && (mtu < 68 || mtu > 65535))) wrong(MTU, 'a number of bytes from 68 to 65535');
  return {
    mtu, bridgeName: link(`${BRIDGE}name`), masquerade: flag(`${BRIDGE}enable_ip_masquerade`), icc: flag(`${BRIDGE}enable_icc`),
    hostBinding: options[`${BRIDGE}host_binding_ipv4`] ?? '', parent: link('parent'), mode: oneOf(driver === 'ipvlan' ? 'ipvlan_mode' : 'macvlan_mode'), flag: oneOf('ipvlan_flag'),
  };
}

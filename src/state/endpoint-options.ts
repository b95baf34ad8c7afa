import { BayplanError } from './bayplan-error.ts';

/** Docker's `driver_opts` of one attachment that mean something: its link's name, and settings of its link. */
export const IFNAME = 'com.docker.network.endpoint.ifname';
const SYSCTLS = 'com.docker.network.endpoint.sysctls';
const KNOWN = [IFNAME, SYSCTLS];

/** `net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.IFNAME.…=…`, by setting. Throws BayplanError `bad-request`. */
export function endpointSysctls(options: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const text = options[SYSCTLS] ?? '';
  return Object.fromEntries((text === '' ? [] : text.split(',')).map((entry): readonly [string, string] => {
    const [, key, value] = /^(net\.(?:ipv4|ipv6|mpls)\.[a-z]+\.IFNAME\.[a-z0-9_]+)=(.*)$/.exec(entry.trim().replace('.ifname.', '.IFNAME.')) ?? []; // docker's client writes small letters
    if (key === undefined || value === undefined) throw new BayplanError('bad-request', `option ${SYSCTLS}: "${entry}": expected settings of the link as net.ipv4.conf.IFNAME.forwarding=1`);
    return [key, value];
  }));
}

/** What is wrong with the options of an attachment, or null. */
export function endpointOptionsProblem(options: Readonly<Record<string, string>>): string | null {
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) return `option "${unknown}" is not known: expected ${KNOWN.join(' or ')}`;
  if (!/^[^\s/:]{0,15}$/.test(options[IFNAME] ?? '')) return `option ${IFNAME}: "${options[IFNAME] ?? ''}" is no name for a link`;
  try {
    endpointSysctls(options);
    return null;
  } catch (error) {
    if (error instanceof BayplanError) return error.message;
    throw error;
  }
}

import { addressOf, addressText } from './cidr.ts';

/** Whether a port published on one address of the host cannot be published on the other too. '' is every address, of both families. */
export function hostIpsOverlap(one: string, other: string): boolean {
  const [a, b] = [normal(one), normal(other)];
  return a === b || covers(a, b) || covers(b, a);
}

function covers(wide: string, hostIp: string): boolean {
  return wide === '' || (wide === '0.0.0.0' && isIPv4(hostIp)) || (wide === '::' && hostIp.includes(':'));
}

function isIPv4(hostIp: string): boolean {
  return hostIp !== '' && !hostIp.includes(':');
}

/** What is no address, as it is. */
function normal(hostIp: string): string {
  const address = addressOf(hostIp);
  return address === null ? hostIp : addressText(address);
}

import { BayplanError } from '../../state/bayplan-error.ts';

/** An IPv4 network as numbers: its first and its last address, both in it. */
export interface Cidr { readonly first: number; readonly last: number; readonly prefix: number }

/** `10.9.0.7` as a number, null where the text is none. */
export function addressOf(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    value = value * 256 + Number(part);
  }
  return value;
}

export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

export function bytesOf(address: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(address);
  return out;
}

/** Reads `10.9.0.0/24`; bits below the prefix are cleared. Throws BayplanError `bad-request` naming `what`. */
export function cidrOf(text: string, what: string): Cidr {
  const [head, tail, ...rest] = text.split('/');
  const address = addressOf(head ?? '');
  if (address === null || tail === undefined || rest.length > 0 || !/^\d{1,2}$/.test(tail) || Number(tail) > 32) {
    throw new BayplanError('bad-request', `${what}: "${text}" is not an IPv4 network, expected one as 10.9.0.0/24`);
  }
  return cidrAt(address, Number(tail));
}

/** The network of `prefix` bits that `address` is in. */
export function cidrAt(address: number, prefix: number): Cidr {
  const size = 2 ** (32 - prefix);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefix };
}

export function cidrText(network: Cidr): string {
  return `${addressText(network.first)}/${network.prefix}`;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function contains(network: Cidr, address: number): boolean {
  return network.first <= address && address <= network.last;
}

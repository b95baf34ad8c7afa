import { isIPv4, isIPv6 } from 'node:net';
import { BayplanError } from './bayplan-error.ts';

export type Family = 4 | 6;

/** An IP address as a number. */
export interface Address { readonly family: Family; readonly bits: bigint }

/** An IP network as numbers: its first and its last address, both in it. */
export interface Cidr { readonly family: Family; readonly first: bigint; readonly last: bigint; readonly prefix: number }

const LENGTH = { 4: 32, 6: 128 } as const;

/** `10.9.0.7` or `fd00::7` as a number, null where the text is neither. */
export function addressOf(text: string): Address | null {
  if (isIPv4(text)) return { family: 4, bits: joined(text.split('.').map(Number), 8) };
  if (!isIPv6(text) || text.includes('%')) return null;
  return { family: 6, bits: joined(wordsOf(text), 16) };
}

export function addressText({ family, bits }: Address): string {
  if (family === 4) return parts(bits, 8, 4).join('.');
  // The URL standard writes addresses as RFC 5952 wants them: lower case, the longest run of zeros left out.
  return new URL(`http://[${parts(bits, 16, 8).map((word) => word.toString(16)).join(':')}]`).hostname.slice(1, -1);
}

/** In network byte order: 4 or 16 bytes. */
export function bytesOf({ family, bits }: Address): Buffer {
  return Buffer.from(parts(bits, 8, LENGTH[family] / 8));
}

export function addressFromBytes(bytes: Buffer): Address {
  return { family: bytes.length === 4 ? 4 : 6, bits: joined([...bytes], 8) };
}

/** Reads `10.9.0.0/24` or `fd00::/64`; bits below the prefix are cleared. Throws BayplanError `bad-request` naming `what`. */
export function cidrOf(text: string, what: string): Cidr {
  const network = parseCidr(text);
  if (network === null) throw new BayplanError('bad-request', `${what}: "${text}" is not a network, expected one as 10.9.0.0/24 or fd00:9::/64`);
  return network;
}

/** The same; null where the text is no network. */
export function parseCidr(text: string): Cidr | null {
  const [head, tail, ...rest] = text.split('/');
  const address = addressOf(head ?? '');
  if (address === null || tail === undefined || rest.length > 0 || !/^\d{1,3}$/.test(tail) || Number(tail) > LENGTH[address.family]) return null;
  return cidrAt(address, Number(tail));
}

/** The network of `prefix` bits that `address` is in. */
export function cidrAt({ family, bits }: Address, prefix: number): Cidr {
  const host = BigInt(LENGTH[family] - prefix);
  const first = (bits >> host) << host;
  return { family, first, last: first + (1n << host) - 1n, prefix };
}

export function cidrText(network: Cidr): string {
  return `${addressText({ family: network.family, bits: network.first })}/${network.prefix}`;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

export function contains(network: Cidr, { family, bits }: Address): boolean {
  return network.family === family && network.first <= bits && bits <= network.last;
}

/** The eight words of an IPv6 address, `::` filled up; its end may be written as an IPv4 address. */
function wordsOf(text: string): readonly number[] {
  const plain = text.replace(/\d+\.\d+\.\d+\.\d+$/, (end) => {
    const [a = 0, b = 0, c = 0, d = 0] = end.split('.').map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const words = (part: string): readonly number[] => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail ?? '')];
  return tail === undefined ? before : [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function joined(values: readonly number[], width: number): bigint {
  return values.reduce((bits, value) => (bits << BigInt(width)) | BigInt(value), 0n);
}

function parts(bits: bigint, width: number, count: number): readonly number[] {
  const mask = (1n << BigInt(width)) - 1n;
  return Array.from({ length: count }, (_, index) => Number((bits >> BigInt(width * (count - 1 - index))) & mask));
}

import { readdir, readFile, readlink } from 'node:fs/promises';
import { addressFromBytes, addressText } from '../../state/cidr.ts';
import type { PublishedPort } from '../../state/container.ts';

/** A process that has gone, or that we may not look into (in a container without ptrace). */
const PASSED_OVER: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

/** The process that has a socket on a host port, as far as /proc tells. */
export interface PortHolder { readonly pid: number; readonly program: string }

/** Finds who has `ip:port`; `ip` 0.0.0.0 or :: meets every address of its family. Null where it cannot be told (a socket of the kernel's, or it has just gone). */
export async function findPortHolder(protocol: PublishedPort['protocol'], ip: string, port: number): Promise<PortHolder | null> {
  if (protocol === 'sctp') return null;
  const tables = await Promise.all([protocol, `${protocol}6`].map((name) => readText(`/proc/self/net/${name}`)));
  const inodes = new Set(tables.flatMap((text) => socketsOn(text, ip, port)));
  return inodes.size === 0 ? null : processWith(inodes);
}

/** Inodes of the sockets in the text of /proc/net/{tcp,udp}[6] that a bind to `ip:port` collides with, those that listen first. */
export function socketsOn(table: string, ip: string, port: number): readonly string[] {
  const found: { inode: string; listens: boolean }[] = [];
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state = '', , , , , , inode = '0'] = line.trim().split(/\s+/);
    const [address = '', hex = ''] = local.split(':');
    if (Number.parseInt(hex, 16) !== port || inode === '0') continue;
    if (!meets(addressIn(address), ip)) continue;
    // 0A listens, 07 is an unconnected UDP socket.
    found.push({ inode, listens: state === '0A' || state === '07' });
  }
  return found.sort((a, b) => Number(b.listens) - Number(a.listens)).map((one) => one.inode);
}

/** The kernel prints addresses as 32-bit words in hexadecimal, each in the machine's byte order. */
function addressIn(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse());
  const bytes = Buffer.concat(words);
  const mapped = hex.startsWith('0000000000000000FFFF0000');
  return addressText(addressFromBytes(mapped ? bytes.subarray(12) : bytes));
}

/** Whether a bind to `wanted` collides with a socket on `bound`. One on :: may serve IPv4 as well. */
function meets(bound: string, wanted: string): boolean {
  if (bound === wanted || bound === '::') return true;
  const sameFamily = bound.includes(':') === wanted.includes(':');
  return sameFamily && (bound === '0.0.0.0' || wanted === '0.0.0.0' || wanted === '::');
}

async function processWith(inodes: ReadonlySet<string>): Promise<PortHolder | null> {
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await names(`/proc/${pid}/fd`)) {
      if (links.has(await linkOf(`/proc/${pid}/fd/${fd}`))) return { pid: Number(pid), program: (await readText(`/proc/${pid}/comm`)).trim() };
    }
  }
  return null;
}

// Processes end while they are looked at, and some may be closed to us: what cannot be seen is passed over.
const names = (path: string): Promise<readonly string[]> => unlessClosed(readdir(path), []);
const readText = (path: string): Promise<string> => unlessClosed(readFile(path, 'utf8'), '');
const linkOf = (path: string): Promise<string> => unlessClosed(readlink(path), '');

async function unlessClosed<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && PASSED_OVER.has(error.code)) return otherwise;
    throw error;
  }
}

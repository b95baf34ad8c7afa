import { createHash } from 'node:crypto';

/** One entry of a tar that a test makes, hostile ones included; what is not said is what an ordinary tar has. */
export interface Entry {
  readonly name: string | Buffer;
  /** '0' file (the standard), '1' hard link, '2' symlink, '3' character device, '5' folder, 'x' pax … */
  readonly type?: string;
  readonly content?: string | Buffer;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly device?: readonly [number, number];
  /** The size field as it is, in place of the content's. */
  readonly sizeField?: Buffer;
  /** pax records of an extended header before the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
}

/** A tar archive (ustar) as bytes. `end: false` leaves the two zero blocks out. */
export function tarBytes(entries: readonly Entry[], options: { end?: boolean } = {}): Buffer {
  return Buffer.concat([...entries.flatMap(entryBytes), ...(options.end === false ? [] : [Buffer.alloc(1024)])]);
}

export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function entryBytes(entry: Entry): readonly Buffer[] {
  if (entry.pax !== undefined) {
    const { pax, ...plain } = entry;
    return [...entryBytes({ name: 'pax', type: 'x', content: Buffer.concat(Object.entries(pax).map(([key, value]) => paxRecord(key, Buffer.from(value)))) }), ...entryBytes(plain)];
  }
  const content = Buffer.from(entry.content ?? '');
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number): void => { header.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1'); };
  Buffer.from(entry.name).copy(header, 0, 0, 100);
  octal(entry.mode ?? (entry.type === '5' ? 0o755 : 0o644), 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(content.length, 124, 12);
  entry.sizeField?.copy(header, 124, 0, 12);
  octal(entry.mtime ?? 1_600_000_000, 136, 12);
  header.write(entry.type ?? '0', 156, 'latin1');
  header.write(entry.target ?? '', 157, 100, 'utf8');
  header.write('ustar\u000000', 257, 'latin1');
  if (entry.device !== undefined) entry.device.forEach((number, i) => octal(number, 329 + 8 * i, 8));
  header.fill(' ', 148, 156);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

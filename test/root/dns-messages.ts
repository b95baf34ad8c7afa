import { SocketAddress } from 'node:net';

/** DNS messages (RFC 1035, RFC 6891) as the tests send and read them. */
export const TYPE = { A: 1, PTR: 12, TXT: 16, AAAA: 28, OPT: 41 } as const;
export type Type = keyof typeof TYPE;

export interface Answer { readonly name: string; readonly type: number; readonly ttl: number; readonly data: string }
export interface Message {
  readonly id: number;
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursion: boolean;
  /** As it stands there, in its own case. */
  readonly question: string;
  readonly type: number;
  readonly answers: readonly Answer[];
  /** EDNS: size and flags with the upper rcode. Null: no OPT. */
  readonly opt: { readonly size: number; readonly upperRcode: number; readonly dnssecOk: boolean } | null;
}
/** What a nameserver needs to know of a query. `end` is where its question ends. */
export interface Question { readonly id: number; readonly name: string; readonly end: number }

export function query(name: string, type: Type, options: { id?: number; edns?: number; version?: number; dnssecOk?: boolean } = {}): Buffer {
  const { id = 0x1234, edns, version = 0, dnssecOk = false } = options;
  const opt = edns === undefined ? Buffer.alloc(0) : Buffer.from([0, 0, TYPE.OPT, edns >> 8, edns & 255, 0, version, dnssecOk ? 0x80 : 0, 0, 0, 0]);
  return Buffer.concat([header(id, 0x0100, [1, 0, 0, edns === undefined ? 0 : 1]), encodeName(name), shorts(TYPE[type], 1), opt]);
}

/** A server's reply to `asked`: its question, then these IPv4 addresses. */
export function reply(asked: Buffer, options: { id?: number; flags?: number; addresses?: readonly string[]; question?: Buffer }): Buffer {
  const { id = asked.readUInt16BE(0), flags = 0x8180, addresses = [], question = asked.subarray(12, readQuestion(asked).end) } = options;
  const records = addresses.map((address) => Buffer.concat([shorts(0xc00c, TYPE.A, 1, 0, 60, 4), Buffer.from(address.split('.').map(Number))]));
  return Buffer.concat([header(id, flags, [1, addresses.length, 0, 0]), question, ...records]);
}

export function encodeName(name: string): Buffer {
  return Buffer.concat([...name.split('.').filter((label) => label !== '').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])), Buffer.alloc(1)]);
}

export function header(id: number, flags: number, counts: readonly number[]): Buffer {
  return shorts(id, flags, ...counts);
}

/** With the two bytes of its length before it, as TCP wants. */
export function framed(message: Buffer): Buffer {
  return Buffer.concat([shorts(message.length), message]);
}

export function readQuestion(bytes: Buffer): Question {
  const { name, end } = decodeName(bytes, 12);
  return { id: bytes.readUInt16BE(0), name, end: end + 4 };
}

export function readMessage(bytes: Buffer): Message {
  const flags = bytes.readUInt16BE(2);
  const [questions = 0, answers = 0, authorities = 0, additional = 0] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  const asked = questions === 0 ? { name: '', end: 8 } : decodeName(bytes, 12);
  const found: Answer[] = [];
  let opt: Message['opt'] = null;
  let at = asked.end + 4;
  for (let count = 0; count < answers + authorities + additional; count++) {
    const { name, end } = decodeName(bytes, at);
    const type = bytes.readUInt16BE(end);
    const data = end + 10;
    at = data + bytes.readUInt16BE(end + 8);
    if (type === TYPE.OPT) opt = { size: bytes.readUInt16BE(end + 2), upperRcode: bytes.readUInt8(end + 4), dnssecOk: (bytes.readUInt8(end + 6) & 0x80) !== 0 };
    else found.push({ name, type, ttl: bytes.readUInt32BE(end + 4), data: dataText(bytes, type, data, at) });
  }
  if (at > bytes.length) throw new Error('the message ends before its last record');
  return {
    id: bytes.readUInt16BE(0), rcode: flags & 15, authoritative: (flags & 0x400) !== 0, truncated: (flags & 0x200) !== 0, recursion: (flags & 0x80) !== 0,
    question: asked.name, type: questions === 0 ? 0 : bytes.readUInt16BE(asked.end), answers: found, opt,
  };
}

function dataText(bytes: Buffer, type: number, from: number, to: number): string {
  if (type === TYPE.PTR) return decodeName(bytes, from).name;
  const data = bytes.subarray(from, to);
  if (type !== TYPE.AAAA) return [...data].join('.');
  return new SocketAddress({ address: data.toString('hex').replace(/(....)(?=.)/g, '$1:'), family: 'ipv6' }).address;
}

function decodeName(bytes: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  for (let at = start; ;) {
    const length = bytes.readUInt8(at);
    if (length >= 0xc0) return { name: [...labels, decodeName(bytes, bytes.readUInt16BE(at) & 0x3fff).name].join('.'), end: at + 2 };
    if (length === 0) return { name: labels.join('.'), end: at + 1 };
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
}

function shorts(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => out.writeUInt16BE(value, index * 2));
  return out;
}

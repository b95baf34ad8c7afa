import type { NetlinkAnswer } from '../kernel.ts';

/** Sizes and numbers of <linux/netlink.h>. All of netlink is in the machine's byte order; every machine this runs on is little-endian. */
export const HEADER_BYTES = 16;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSG_NOOP = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
const NLA_TYPE_MASK = 0x3fff;
export const NLA_F_NESTED = 0x8000;

const align = (length: number): number => (length + 3) & ~3;

/** One message: header, the family's fixed part, attributes. Length and sequence number are set when it is sent. */
export function message(type: number, flags: number, ...parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  return Buffer.concat([header, ...parts]);
}

/** One attribute, padded. */
export function attribute(type: number, value: Buffer): Buffer {
  const out = Buffer.alloc(align(4 + value.length));
  out.writeUInt16LE(4 + value.length, 0);
  out.writeUInt16LE(type, 2);
  value.copy(out, 4);
  return out;
}

export function nested(type: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(attributes));
}

/** A string attribute, ended by NUL. */
export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`, 'latin1'));
}

export function u8(type: number, value: number): Buffer {
  return attribute(type, Buffer.from([value]));
}

export function u16(type: number, value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(value);
  return attribute(type, out);
}

export function u32(type: number, value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0);
  return attribute(type, out);
}

/** Attributes of a message from `offset` on, by type; of several with one type the last. */
export function readAttributes(payload: Buffer, offset: number): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = offset; at + 4 <= payload.length;) {
    const length = payload.readUInt16LE(at);
    if (length < 4 || at + length > payload.length) break;
    found.set(payload.readUInt16LE(at + 2) & NLA_TYPE_MASK, payload.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

/** A string attribute's value, '' where there is none. */
export function textOf(value: Buffer | undefined): string {
  return value === undefined ? '' : value.toString('latin1').replace(/\0.*$/s, '');
}

/** A 32-bit attribute's value, 0 where there is none. */
export function numberOf(value: Buffer | undefined): number {
  return value === undefined ? 0 : value.readUInt32LE(0);
}

/** The bytes to send: lengths set, an acknowledgement asked for, sequence numbers 1, 2, … in order. */
export function joinMessages(messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.map((one, index) => {
    const out = Buffer.alloc(align(one.length));
    one.copy(out);
    out.writeUInt32LE(one.length, 0);
    out.writeUInt16LE(out.readUInt16LE(6) | NLM_F_ACK, 6);
    out.writeUInt32LE(index + 1, 8);
    return out;
  }));
}

/** The answers to `count` messages, in their order, from all the bytes received. Copies what it keeps. */
export function readAnswers(bytes: Buffer, count: number): readonly NetlinkAnswer[] {
  const answers = Array.from({ length: count }, () => ({ errno: 0, message: '', payloads: [] as Buffer[] }));
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    const type = bytes.readUInt16LE(at + 4);
    const flags = bytes.readUInt16LE(at + 6);
    const answer = answers[bytes.readUInt32LE(at + 8) - 1];
    const payload = bytes.subarray(at + HEADER_BYTES, at + length);
    if (answer !== undefined) {
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        if (payload.length >= 4) answer.errno = Math.abs(payload.readInt32LE(0));
        if (type === NLMSG_ERROR) answer.message = complaint(payload, flags);
      } else if (type !== NLMSG_NOOP) {
        answer.payloads.push(Buffer.from(payload));
      }
    }
    at += align(length);
  }
  return answers;
}

/** What the kernel says in an acknowledgement's attributes, which follow the header of the request, or the whole request if it was not cut. */
function complaint(payload: Buffer, flags: number): string {
  if ((flags & NLM_F_ACK_TLVS) === 0 || payload.length < 4 + HEADER_BYTES) return '';
  const skip = (flags & NLM_F_CAPPED) === 0 ? align(payload.readUInt32LE(4)) : HEADER_BYTES;
  return textOf(readAttributes(payload, 4 + skip).get(NLMSGERR_ATTR_MSG));
}

import { BayplanError } from '../state/bayplan-error.ts';
import { parseDuration } from '../state/duration.ts';

/** RFC 3339 as Docker writes it; 0 is its zero time. `ms` since the epoch. */
export function rfc3339(ms: number): string {
  return ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString();
}

/** RFC 3339 with nine digits of fraction, as log timestamps have. `ns` since the epoch. */
export function rfc3339Nano(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${(ns % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

/** `since`/`until` of a query, in ns: seconds with up to nine digits of fraction, or RFC 3339. Null where absent, 0 or before the epoch (Go's zero time). Throws BayplanError `bad-request` for what is no time. */
export function parseSince(text: string | null): bigint | null {
  if (text === null || text === '' || text === '0' || /^-\d+(\.\d+)?$/.test(text)) return null;
  const time = momentOf(text);
  if (time === null) throw new BayplanError('bad-request', `${JSON.stringify(text)} is no time: expected one such as 2026-01-31T12:00:00Z, or seconds since the epoch`);
  return time;
}

function momentOf(text: string): bigint | null {
  const match = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (match !== null) return BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : BigInt(ms) * 1_000_000n;
}

/** A time, or a duration before now, in ms. Throws BayplanError `bad-request`. */
export function timeOf(text: string, now: number): number {
  const duration = parseDuration(text);
  const time = text !== '0' && (duration === null || duration === 0) ? momentOf(text) : null;
  if (time !== null) return Number(time / 1_000_000n);
  if (duration === null) throw new BayplanError('bad-request', `until "${text}": expected a duration such as 24h, a time such as 2026-01-31T12:00:00Z, or seconds since the epoch`);
  return now - duration;
}

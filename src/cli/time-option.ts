import { BayplanError } from '../state/bayplan-error.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/**
 * A time as Docker's `--since` and `--until` take it: `10m` is as long ago by this machine's clock, a date (or the beginning of one with a time) without a zone is local; both in seconds since
 * the epoch. Such seconds stay as they are. Throws BayplanError `bad-request` for what is no time.
 */
export function timeOption(time: string): string {
  if (time === '' || /^\d+(\.\d{1,9})?$/.test(time)) return time;
  const parts = [...time.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join('') === time) return (Date.now() / 1000 - parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0)).toFixed(3);
  const [, date, hour = '00', minute = '00', second = '00', zone = ''] = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2}(?:\.\d{1,9})?))?)?)?(Z|[-+]\d{2}:\d{2})?$/.exec(time) ?? [];
  const ms = date === undefined ? Number.NaN : Date.parse(`${date}T${hour}:${minute}:${second}${zone}`); // to JavaScript a date without a time is no local one
  if (Number.isNaN(ms)) throw new BayplanError('bad-request', `expected a date such as 2024-01-31T15:04:05Z, seconds since the epoch, or as long ago as 10m or 1h30m, got ${JSON.stringify(time)}`);
  return (ms / 1000).toFixed(3);
}

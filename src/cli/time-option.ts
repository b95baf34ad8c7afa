import { BayplanError } from '../state/bayplan-error.ts';

/** `10m` is as long ago, from this machine's clock, in seconds since the epoch; a date and such seconds stay as they are. Throws BayplanError `bad-request` for what is no time. */
export function timeOption(time: string): string {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  const parts = [...time.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join('') === time) return (Date.now() / 1000 - parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)).toFixed(3);
  const known = /^\d+(\.\d{1,9})?$/.test(time) || (/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[-+]\d{2}:\d{2})?)?$/.test(time) && !Number.isNaN(Date.parse(time)));
  if (!known && time !== '') throw new BayplanError('bad-request', `expected a date such as 2024-01-31T15:04:05Z, seconds since the epoch, or as long ago as 10m or 1h30m, got ${JSON.stringify(time)}`);
  return time;
}

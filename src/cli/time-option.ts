/** `10m` is as long ago, from this machine's clock, in seconds since the epoch; what else the engine understands stays as it is. */
export function timeOption(time: string): string {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  const parts = [...time.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== time) return time;
  return (Date.now() / 1000 - parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)).toFixed(3);
}

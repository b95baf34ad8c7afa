const perUnit: Readonly<Record<string, number>> = {
  ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000,
};

/** A Go duration (`1m30s`, `1.5h`, `0`; days and weeks too) in milliseconds; null where it is none. */
export function parseDuration(text: string): number | null {
  const parts = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w))+)$/.exec(text.trim());
  if (parts === null) return /^[+-]?0$/.test(text.trim()) ? 0 : null;
  let sum = 0;
  for (const [, amount = '', unit = ''] of (parts[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w)/g)) {
    sum += Number(amount) * (perUnit[unit] ?? 0);
  }
  return parts[1] === '-' ? -sum : sum;
}

/** Milliseconds as Go prints a duration: `1m30s`, `1h0m0s`, `1.5s`, `100ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1e-3) return `${decimal(ms * 1e6)}ns`;
  if (ms < 1) return `${decimal(ms * 1e3)}µs`;
  if (ms < 1000) return `${decimal(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${decimal((ms % 60_000) / 1000)}s`;
  if (hours > 0) return `${String(hours)}h${String(minutes)}m${seconds}`;
  return minutes > 0 ? `${String(minutes)}m${seconds}` : seconds;
}

function decimal(value: number): string {
  return String(Number(value.toFixed(9)));
}

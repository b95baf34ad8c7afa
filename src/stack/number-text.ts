// Numbers become text as in docker compose, which is written in Go: `1e6` is `1e+06`, and 0.1 of a 32-bit number stays `0.1`.

/** A 64-bit float as Go's `%v` prints it; it takes the exponent from 10⁶ on. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return '0';
  const { digits, exponent } = shortest(value);
  if (exponent >= -4 && exponent < 6) return String(value);
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${value < 0 ? '-' : ''}${digits[0] ?? ''}${digits.length > 1 ? `.${digits.slice(1)}` : ''}e${exponent < 0 ? '-' : '+'}${size}`;
}

/** The shortest number that is the same in 32 bits. */
export function float32(value: number): number {
  const wanted = Math.fround(value);
  for (let precision = 1; precision < 10; precision++) {
    const candidate = Number(wanted.toPrecision(precision));
    if (Math.fround(candidate) === wanted) return candidate;
  }
  return wanted;
}

function shortest(value: number): { readonly digits: string; readonly exponent: number } {
  const [mantissa = '', exponent = '0'] = Math.abs(value).toExponential().split('e');
  return { digits: mantissa.replace('.', ''), exponent: Number(exponent) };
}

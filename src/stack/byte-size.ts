const powers = ['b', 'k', 'm', 'g', 't', 'p'];

/** `512m`, `1.5g`, `64kb`, `1GiB`, `1048576`: bytes, 1024-based as Docker counts; null where it is no size. Whole ones may be negative: -1 is no limit. */
export function parseByteSize(text: string): number | null {
  // In lower case first: to match a "k" in any case, V8 loads all of Unicode's foldings, for 6 ms.
  const parts = /^(-?\d+|\+?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?) ?(?:b|([kmgtp])(?:i?b)?)?$/.exec(text.toLowerCase());
  if (parts === null || (text.startsWith('-') && parts[2] !== undefined)) return null;
  const bytes = Math.trunc(Number(parts[1]) * 1024 ** powers.indexOf(parts[2] ?? 'b'));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

import { BayplanError } from '../../state/bayplan-error.ts';
import { statOf } from '../../state/stat-of.ts';

/** Number of the disk at `path`, for limits of its own. Throws `bad-request` where there is none. */
export function deviceNumbers(path: string): { readonly major: number; readonly minor: number } {
  const found = statOf(path);
  if (found?.isBlockDevice() !== true) throw new BayplanError('bad-request', `blkio_config: ${path} is no block device of this machine`);
  return splitNumber(found.rdev);
}

/** As makedev(3) puts them together. */
export function splitNumber(rdev: number): { readonly major: number; readonly minor: number } {
  const number = BigInt(rdev);
  return { major: Number(number >> 8n & 0xfffn | number >> 32n & 0xfffff000n), minor: Number(number & 0xffn | number >> 12n & 0xffffff00n) };
}

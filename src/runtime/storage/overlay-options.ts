import { BayplanError } from '../../state/bayplan-error.ts';
import type { OverlayRoot } from './storage-driver.ts';

/** mount(2)'s options of an overlay. Its own order is topmost first. Commas and colons in names would be read as separators. */
export function overlayOptions(overlay: Omit<OverlayRoot, 'cwd'>): string {
  return `${lowerOption(overlay.lowerdirs)},upperdir=${escape(overlay.upperdir, false)},workdir=${escape(overlay.workdir, false)}`;
}

/** `lowerdir=` alone, for a view that nobody writes to. */
export function lowerOption(lowerdirs: readonly string[]): string {
  if (lowerdirs.length === 0) throw new BayplanError('bad-request', 'the image has no layers: there is nothing to run');
  return `lowerdir=${lowerdirs.map((folder) => escape(folder, true)).reverse().join(':')}`;
}

function escape(path: string, colons: boolean): string {
  return path.replace(colons ? /[\\,:]/g : /[\\,]/g, (character) => `\\${character}`);
}

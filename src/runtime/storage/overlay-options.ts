import { BayplanError } from '../../state/bayplan-error.ts';
import type { OverlayRoot } from './storage-driver.ts';

/** mount(2)'s options of an overlay. Its own order is topmost first. Commas and colons in names would be read as separators. */
export function overlayOptions(overlay: Omit<OverlayRoot, 'cwd'>): string {
  const lower = overlay.lowerdirs.map((folder) => escape(folder, true)).reverse();
  if (lower.length === 0) throw new BayplanError('bad-request', 'the image has no layers: there is nothing to run');
  return `lowerdir=${lower.join(':')},upperdir=${escape(overlay.upperdir, false)},workdir=${escape(overlay.workdir, false)}`;
}

function escape(path: string, colons: boolean): string {
  return path.replace(colons ? /[\\,:]/g : /[\\,]/g, (character) => `\\${character}`);
}

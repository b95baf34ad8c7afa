import { overlayOptions } from './overlay-options.ts';
import { runStorage } from './core-output.ts';
import type { OverlayRoot } from './storage-driver.ts';

const GIVE_UP_MS = 15_000;

/** Mounts an overlay in the host's mount namespace. */
export async function mountOverlay(core: string, { cwd, ...overlay }: OverlayRoot, target: string): Promise<void> {
  await runStorage(core, ['mount', '--type', 'overlay', '--source', 'overlay', '--target', target, '--cwd', cwd, '--options', overlayOptions(overlay)], GIVE_UP_MS);
}

/** Detaches all that is mounted on `target`; nothing there is fine. */
export async function unmountAll(core: string, target: string): Promise<void> {
  await runStorage(core, ['umount', '--all', '--target', target], GIVE_UP_MS);
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Paths } from '../../state/paths.ts';
import { readRecord, writeRecord } from '../record.ts';
import type { SetAsides } from '../set-aside.ts';
import { btrfsDriver } from './btrfs-driver.ts';
import { runStorage } from './core-output.ts';
import { fuseOverlayDriver } from './fuse-overlay-driver.ts';
import { overlayDriver } from './overlay-driver.ts';
import { DRIVER_NAMES, type DriverName, type StorageDriver } from './storage-driver.ts';
import { findProgram } from './find-program.ts';
import { vfsDriver } from './vfs-driver.ts';

/** The driver that a root folder was given first, by its configuration or without, so that its containers are found again. */
const StorageRecord = z.object({ version: z.literal(1), driver: z.enum(DRIVER_NAMES) });

/** `bayplan-core probe-overlay`. */
const Probe = z.looseObject({ version: z.int(), marks: z.boolean(), overlay: z.boolean(), reason: z.string() });

const GIVE_UP_MS = 15_000;
const MAKERS: Readonly<Record<DriverName, (paths: Paths, core: string) => StorageDriver>> = { overlay: overlayDriver, 'fuse-overlayfs': fuseOverlayDriver, btrfs: btrfsDriver, vfs: vfsDriver };

/** A driver, and the paths that an engine with it has: layers that are whole trees are kept apart from those that are differences. */
export interface Storage { readonly driver: StorageDriver; readonly paths: Paths }

function storageOf(paths: Paths, core: string, name: DriverName): Storage {
  const own = name === 'overlay' || name === 'fuse-overlayfs' ? paths : { ...paths, layers: `${paths.layers}-${name}` };
  return { driver: MAKERS[name](own, core), paths: own };
}

/**
 * The storage driver of a root folder: the one that its configuration names, else the one it had, else overlay, or what is left where that cannot be: fuse-overlayfs, then vfs. Throws
 * BayplanError `storage-driver` where the one that is named cannot be.
 */
export async function chooseDriver(paths: Paths, core: string, named: DriverName | null, report: (line: string) => void, asides: SetAsides): Promise<Storage> {
  const file = join(paths.root, 'storage.json');
  if (named !== null) {
    const storage = await namedDriver(paths, core, named);
    if (!existsSync(file) && isEmpty(paths.containers)) await writeRecord(file, { version: 1, driver: named });
    return storage;
  }
  const former = existsSync(file) ? asides.read({ kind: 'storage', name: '', stack: '' }, () => readRecord(file, StorageRecord, 1, 'the driver is told by the layers that are there; put it back from a backup, or remove it, and restart the engine')) : null;
  if (former !== null) return storageOf(paths, core, former.driver);
  const used = existsSync(file) ? (['btrfs', 'vfs'] as const).find((name) => existsSync(`${paths.layers}-${name}`)) : undefined;
  if (used !== undefined) return storageOf(paths, core, used);
  const probe = await probeOverlay(paths, core);
  const driver = probe.overlay ? 'overlay' : probe.marks && hasFuse() ? 'fuse-overlayfs' : 'vfs';
  if (!probe.overlay) report(`storage driver ${driver}: overlay cannot be used below ${paths.root}: ${probe.reason}`);
  if (!asides.has('storage')) await writeRecord(file, { version: 1, driver });
  return storageOf(paths, core, driver);
}

function isEmpty(folder: string): boolean {
  return !existsSync(folder) || readdirSync(folder).length === 0;
}

async function namedDriver(paths: Paths, core: string, named: DriverName): Promise<Storage> {
  const storage = storageOf(paths, core, named);
  if (named !== 'overlay' && named !== 'fuse-overlayfs') return storage;
  const { marks, overlay, reason } = await probeOverlay(paths, core);
  if (named === 'overlay' ? !overlay : !marks) throw new BayplanError('storage-driver', `storage driver ${named} cannot be used below ${paths.root}: ${reason}; choose another one`);
  if (named === 'fuse-overlayfs' && !hasFuse()) throw new BayplanError('storage-driver', 'storage driver fuse-overlayfs: this kernel has no FUSE (/dev/fuse): choose another driver');
  return storage;
}

function hasFuse(): boolean {
  return findProgram('fuse-overlayfs') !== null && existsSync('/dev/fuse') && /\bfuse$/m.test(readFileSync('/proc/filesystems', 'utf8'));
}

async function probeOverlay(paths: Paths, core: string): Promise<z.infer<typeof Probe>> {
  const folder = join(paths.root, 'probe');
  await rm(folder, { recursive: true, force: true }); // of an engine that was killed over it
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    return Probe.parse(JSON.parse(await runStorage(core, ['probe-overlay', '--dir', folder], GIVE_UP_MS)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
